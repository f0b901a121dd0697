# SPDX-License-Identifier: GPL-2.0-only
"""Random programs over both devices: tests/fuzz.c. A failure comes as a short program.

The control: what is wrong is found, whether the executor, the log or a hang tells, and the
program that is left of thousands of lines has a few.
"""
from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.dbr import fuzz
from tests.dbr.ddmin import Program
from tests.gates import kernel_log
from tests.gates.kernel_log import LogGate

SEEDS = range(1, 11)
OPERATIONS = 2000

SW_SYNC = Path("/sys/kernel/debug/sync/sw_sync")
TIMELINE = {"timeline", "timeline_fence", "timeline_step"}

#: The sum of what the seeds of this session did; by operation.
succeeded: Counter[str] = Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_seed_warns_vmap_warns_overlap(seed: int) -> None:
    outcome = fuzz.check(seed, OPERATIONS)
    assert not outcome.wrong, outcome.output
    succeeded.update(outcome.succeeded)


def test_every_operation_has_succeeded_warns_vmap_warns_overlap() -> None:
    """A fuzzer whose calls are all refused tests nothing behind the checks of arguments."""
    if not succeeded:
        outcome = fuzz.check(SEEDS[0], OPERATIONS * len(SEEDS))
        assert not outcome.wrong, outcome.output
        succeeded.update(outcome.succeeded)
    never = {name for name, times in succeeded.items() if not times}
    assert never <= (set() if SW_SYNC.exists() else TIMELINE)


def test_the_seed_decides_what_is_done() -> None:
    first, again, other = (fuzz.text_of(seed, 500) for seed in (7, 7, 8))
    assert first == again != other


def first_to_fail(
    reason: str, options: tuple[str, ...]
) -> tuple[Program, fuzz.Outcome]:
    """The first seed that fails so, with a program short enough for a test's time."""
    for seed in range(1, 50):
        program = fuzz.text_of(seed, 60)
        found = fuzz.judge_text(program, options)
        if found.wrong:
            assert reason in found.wrong
            return program, found
    pytest.fail(f"no seed makes it: {reason}")


def test_control_of_the_errnos_warns_vmap_warns_overlap() -> None:
    """ENODEV of attach forbidden: a buffer, its revoke and an attach have to remain."""
    options = ("--forbid", "attach:ENODEV")
    program, found = first_to_fail("attach: ENODEV is not what it may return", options)
    short = fuzz.reproducer(program, found, options)
    assert len(short) <= 6, "\n".join(short)
    names = [line.split()[0] for line in short]
    assert {"open_exporter", "open_importer", "alloc", "attach"} <= set(names)
    assert not fuzz.judge_text(short).wrong


def test_control_of_the_kernel_log_warns_vmap_warns_overlap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An executor that writes a warning after a certain sequence stands for the kernel."""
    monkeypatch.setattr(kernel_log, "ALLOWED", ())
    monkeypatch.setattr("tests.gates.around.ALLOWED", ())
    options = ("--bug", "kmsg")
    program, found = first_to_fail("WARNING: control of the log gate", options)
    short = fuzz.reproducer(program, found, options)
    assert len(short) <= 6, "\n".join(short)
    assert [line.split()[0] for line in short[-2:]] == ["attach", "revoke"]


def test_control_of_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report names the line that was being executed."""
    monkeypatch.setattr(fuzz, "START", 2.0)
    program = ("open_exporter out=r0", "pause us=1", "hang")
    outcome = fuzz.judge_text(program)
    assert outcome.wrong.startswith("it hangs")
    assert outcome.last.endswith("3: hang")


def test_a_bad_program_is_refused() -> None:
    for text, reason in [
        ("fly", "line 1: no such operation"),
        ("close out=r32", "line 1: not a value"),
        ("close r1", "line 1: NAME=VALUE expected"),
        ("# no harm\n\nclose in=r1", "line 3: no such parameter"),
    ]:
        outcome = fuzz.judge_text((text,))
        assert outcome.wrong.startswith("it ended with status 2")
        assert reason in outcome.output
