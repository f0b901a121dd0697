# SPDX-License-Identifier: GPL-2.0-only
"""What is wrong is found by random programs, whether judge, log or referee tells.

Each bug of the exporter is one that all its buffers have. docs/testing/fuzzing.md has the table.
"""
from __future__ import annotations

import re
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.gates import counts, kernel_log
from tests.gates.counts import PATIENCE
from tests.random import run as fuzz
from tests.random.shorten import Program

NO_UNMAP_WAIT = 1 << 2
NO_ZAP = 1 << 5
LATE_MAP = 1 << 6
SLOW_MAP = 1 << 8
MOVE_NO_COPY = 1 << 11

LET_IN = "success, but the buffer is revoked"
REACHED = "(the CPU|the kernel) reaches buffer [0-9]+, which is revoked"
NOT_IDLE = "not so: !pending->(maps|vmaps)"
CHANGED = "(DMA|vmap|word [0-9]+) of buffer [0-9]+ (gives|is)"
#: Of a buffer in quarantine.
WRITTEN = "not so: !out->checked"

#: Seeds that are tried. What a bug does may be missed by one, and by many where threads have to
#: meet; one of the first few finds each.
SEEDS = range(1, 500)


class Control(NamedTuple):
    """Bugs of all buffers, the programs that have to find them, and what is to be said."""

    faults: int
    shape: tuple[str, ...]
    message: str


#: Which check sees it first is up to seed and interleaving.
CONTROLS = {
    "late-map-alone": Control(
        LATE_MAP | NO_UNMAP_WAIT, fuzz.ALONE, f"{LET_IN}|{NOT_IDLE}"
    ),
    "late-map-beside": Control(
        LATE_MAP | NO_UNMAP_WAIT, fuzz.BESIDE, f"{LET_IN}|{NOT_IDLE}"
    ),
    "no-unmap-wait-alone": Control(NO_UNMAP_WAIT, fuzz.ALONE, NOT_IDLE),
    "no-unmap-wait-beside": Control(NO_UNMAP_WAIT, fuzz.BESIDE, NOT_IDLE),
    "no-zap-alone": Control(NO_ZAP, fuzz.ALONE, f"{REACHED}|{CHANGED}"),
    "no-zap-beside": Control(NO_ZAP, fuzz.BESIDE, f"{REACHED}|{CHANGED}"),
    "move-no-copy-alone": Control(MOVE_NO_COPY, fuzz.ALONE, CHANGED),
    "move-no-copy-beside": Control(MOVE_NO_COPY, fuzz.BESIDE, CHANGED),
}


def find(control: Control, *options: str) -> fuzz.Outcome:
    """What the first seed says that finds it. A bug may be seen by another check, too."""
    known = f": ({LET_IN}|{REACHED}|{NOT_IDLE}|{CHANGED}|{WRITTEN}|{control.message})"
    for seed in SEEDS:
        words = ["--seed", str(seed), "--operations", "3000", *control.shape]
        words += ["--faults", str(control.faults), *options]
        outcome = fuzz.execute(words, 3000)
        if re.search(f"line [0-9]+: \\w+: ({control.message})", outcome.wrong):
            return outcome
        assert not outcome.wrong or re.search(known, outcome.wrong), outcome.output
    pytest.fail(f"no seed says: {control.message}")


@pytest.mark.parametrize("control", CONTROLS.values(), ids=list(CONTROLS))
def test_control_of_the_judge_warns_vmap_warns_overlap(control: Control) -> None:
    find(control)


@pytest.mark.parametrize("shape", [fuzz.ALONE, fuzz.BESIDE])
def test_control_of_the_referee_warns_vmap_warns_overlap(
    shape: tuple[str, ...]
) -> None:
    """Nobody may be found at the same operation twice in 50 ms, but all take 100."""
    find(Control(SLOW_MAP, shape, "it hangs$"), "--bound", "50")


def first_to_fail(
    reason: str, options: tuple[str, ...]
) -> tuple[Program, fuzz.Outcome]:
    """The first seed that fails so, with a program short enough for a test's time."""
    for seed in SEEDS:
        program = fuzz.text_of(seed, 40, fuzz.ALONE)
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
    options = ("--warn",)
    program, found = first_to_fail("WARNING: control of the log gate", options)
    short = fuzz.reproducer(program, found, options)
    assert len(short) <= 6, "\n".join(short)
    assert [line.split()[0] for line in short[-2:]] == ["attach", "revoke"]


def is_executor(process: Path) -> bool:
    """Also one that is being killed; one that is dead has no arguments."""
    try:
        return b"/random/fuzz\0" in (process / "cmdline").read_bytes()
    except OSError:
        return False


def nobody_is_left() -> bool:
    """Whether all processes of the executor go; those that were killed, by and by."""
    deadline = time.monotonic() + PATIENCE
    while any(map(is_executor, Path("/proc").glob("[0-9]*"))):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize(
    "program",
    [
        ("open_exporter out=r0", "pause us=1", "hang"),
        ("open_exporter out=r0", "fork lines=9", "hang"),
        # A child whose parent is no more, and the parent's next life.
        ("1.1 fork lines=9", "1.1 die", "1.1 hang"),
    ],
    ids=["one", "child", "orphan"],
)
def test_control_of_a_hang(program: Program) -> None:
    """The report names the line that was being executed; whoever executes it is killed."""
    outcome = fuzz.judge_text(program, ("--bound", "3000"))
    assert outcome.wrong == "fuzz: line 3: hang: it hangs"
    assert nobody_is_left()


@pytest.mark.parametrize("attempt", range(10))
def test_what_a_program_had_is_gone_with_it(attempt: int) -> None:
    """Whoever runs the next one counts first what there is."""
    before = counts.counts()
    program = (
        "open_exporter out=r0",
        "open_importer out=r1",
        "1.1 alloc on=r0 out=r2 length=0x100000 flags=1",
        "1.1 fork lines=9",
        "1.1 hang",
    )
    outcome = fuzz.judge_text(program, ("--bound", "300"), gates=False)
    assert outcome.wrong.endswith("it hangs"), outcome.output
    assert counts.counts() == before


def test_nobody_outlives_the_referee(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "START", 3.0)
    outcome = fuzz.judge_text(("hang",))
    assert outcome.wrong == fuzz.HANGS
    assert nobody_is_left()


def test_control_of_shortening_what_threads_do_warns_vmap_warns_overlap() -> None:
    """What a thread keeps is moved by another, without its contents."""
    # Both go on for so long that they meet, whoever is kept from it for a while.
    program = (
        "open_exporter out=r0",
        "pause us=1",
        "1.1 kept_write seed=7",
        "2.1 pause us=1",
        *[
            "1.1 kept_check how=2",
            "1.1 pause us=0xf00",
            "1.2 move on=r0 id=s33 deadline_ns=5ms",
            "1.2 pause us=0xf00",
        ]
        * 150,
    )
    options = ("--faults", str(MOVE_NO_COPY))
    for _ in SEEDS:
        found = fuzz.judge_text(program, options)
        if found.wrong:
            break
    assert re.search(f": {CHANGED}", found.wrong), found.output
    short = fuzz.reproducer(program, found, options, limit=12)
    assert len(short) < len(program), "\n".join(short)
    names = {line.split()[1] for line in short if line[0].isdigit()}
    assert {"kept_write", "kept_check", "move"} <= names
