# SPDX-License-Identifier: GPL-2.0-only
"""The long run of the fuzzer, with guests that are only pretended."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Callable

import pytest

from guest import kernels, settings
from guest.fuzz import jobs, soak
from guest.machine import session, vm

from tests.random.run import IN_A_TEST, PATIENT

LINES = [f"alloc on=r0 out=r{i}" for i in range(30)]
#: Fails if both are there.
CAUSE = ["attach out=r2", "revoke id=r2"]
WHOLE = [*LINES[:11], CAUSE[0], *LINES[11:20], CAUSE[1], *LINES[20:]]


class Guests:
    """Stands for session.run: what each guest would do with its script."""

    def __init__(self, lost: str, saved: dict[str, bytes], status: int = 1) -> None:
        self.lost = lost
        self.saved = saved
        self.status = status
        self.scripts: list[str] = []

    def run(
        self,
        kernel: kernels.Kernel,
        chosen: settings.Settings,
        job: session.Job,
        output: Callable[[bytes], None],
    ) -> vm.Outcome:
        self.scripts.append(job.script)
        outcome = vm.Outcome()
        if " soak " in job.script:
            output(b"seed 41\nseed 42\n")
            outcome.lost, outcome.status = self.lost, self.status
            outcome.files.update(self.saved)
        elif " --print" in job.script:
            assert " --seed 42 " in job.script
            output("".join(f"{line}\n" for line in WHOLE).encode())
        elif re.search("^attach.*^revoke", job.script, re.DOTALL | re.MULTILINE):
            outcome.lost = self.lost
            output(b"" if self.lost else b"/tmp/program: x\nsignature: WARNING: N\n")
        else:
            output(b"/tmp/program: all is well\nsignature: \n")
        return outcome


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Guests], tuple[int, str]]:
    """Fuzz with these guests: the status, and the short program."""

    def run(guests: Guests) -> tuple[int, str]:
        monkeypatch.setattr(session, "run", guests.run)
        kernel = kernels.lookup(kernels.DEFAULT)
        status = soak.fuzz(kernel, settings.Settings(), jobs.Plan(seed=41), tmp_path)
        short = tmp_path / "short.fuzz"
        return status, short.read_text() if short.exists() else ""

    return run


def test_nothing_found(run: Callable[[Guests], tuple[int, str]]) -> None:
    guests = Guests("", {}, status=0)
    assert run(guests) == (0, "")
    assert len(guests.scripts) == 1


def test_shortened_in_the_guest(run: Callable[[Guests], tuple[int, str]]) -> None:
    guests = Guests("", {"short.fuzz": b"alloc\n", "long.fuzz": b"alloc\nmap\n"})
    assert run(guests) == (1, "alloc\n")
    assert len(guests.scripts) == 1


@pytest.mark.parametrize("lost", ["", "panic"])
def test_a_fresh_guest_for_each_candidate(
    run: Callable[[Guests], tuple[int, str]], lost: str
) -> None:
    """After a report that comes once per boot, and after a crash."""
    text = "".join(f"{line}\n" for line in WHOLE).encode()
    guests = Guests(lost, {} if lost else {"long.fuzz": text})
    assert run(guests) == (1, "attach\nrevoke\n")
    assert 3 < len(guests.scripts) <= 3 + jobs.Plan().candidates


def test_nothing_is_run_for_a_guest_that_never_began(
    run: Callable[[Guests], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "last_seed", lambda output: -1)
    guests = Guests("no sign of life", {})
    assert run(guests) == (1, "")
    assert len(guests.scripts) == 1


def test_seed_and_signature_are_read_from_the_output() -> None:
    assert jobs.last_seed("seed 1\r\nseed 12\nno seed 13\n") == 12
    assert jobs.last_seed("") == -1
    assert jobs.signature("x\nsignature: it hangs\r\n", "") == "it hangs"
    assert jobs.signature("signature: \n", "") == ""
    assert jobs.signature("signature: it hangs\n", "panic") == jobs.LOST


def test_a_test_has_shortened_its_program_before_its_guest_is_given_up() -> None:
    """With what the failure, and a last try, take on top."""
    assert IN_A_TEST / PATIENT <= settings.Limits().silence - 100


def test_rt_kernels_run_programs_of_threads() -> None:
    """The part of the suite that runs there is chosen by names, which change."""
    text = (settings.REPOSITORY / "tests/random/test_programs.py").read_text()
    names = re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    rt = [kernel for kernel in kernels.TABLE.values() if "rt" in kernel.flavour]
    assert rt
    for kernel in rt:
        words = set(re.findall(r"\w+", kernel.part)) - {"or", "and", "not"}
        assert any(word in name for word in words for name in names)
