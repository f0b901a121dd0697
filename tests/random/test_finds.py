# SPDX-License-Identifier: GPL-2.0-only
"""What is wrong is found by random programs, whether judge, log or referee tells.

Each bug of the exporter is one that all its buffers have. docs/fuzzing.md has the table.
"""
from __future__ import annotations

import re
from typing import Iterator, NamedTuple

import pytest

from tests.gates import kernel_log
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


class Control(NamedTuple):
    """Bugs of all buffers, the programs that find them, and what may be said.

    One seed may miss what a bug does; so many are tried.
    """

    faults: int
    shape: tuple[str, ...]
    message: str
    operations: int = 3000
    seeds: int = 8


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


def outcomes(control: Control, *options: str) -> Iterator[fuzz.Outcome]:
    for seed in range(1, control.seeds + 1):
        words = ["--seed", str(seed), "--operations", str(control.operations)]
        words += [*control.shape, "--faults", str(control.faults), *options]
        yield fuzz.execute(words, control.operations)


@pytest.mark.parametrize("control", CONTROLS.values(), ids=list(CONTROLS))
def test_control_of_the_judge_warns_vmap_warns_overlap(control: Control) -> None:
    for outcome in outcomes(control):
        if outcome.wrong:
            break
    assert re.search(f": (?:{control.message})", outcome.wrong), outcome.output


@pytest.mark.parametrize("shape", [fuzz.ALONE, fuzz.BESIDE])
def test_control_of_the_referee_warns_vmap_warns_overlap(
    shape: tuple[str, ...]
) -> None:
    """Nobody may block for 60 ms, but all do for 100."""
    control = Control(SLOW_MAP, shape, "it hangs")
    outcome = next(outcomes(control, "--bound", "60"))
    assert re.search(r"line \d+: \w+: it hangs$", outcome.wrong), outcome.output
    assert "left behind" not in outcome.output


def first_to_fail(
    reason: str, options: tuple[str, ...]
) -> tuple[Program, fuzz.Outcome]:
    """The first seed that fails so, with a program short enough for a test's time."""
    for seed in range(1, 50):
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
    options = ("--bug", "kmsg")
    program, found = first_to_fail("WARNING: control of the log gate", options)
    short = fuzz.reproducer(program, found, options)
    assert len(short) <= 6, "\n".join(short)
    assert [line.split()[0] for line in short[-2:]] == ["attach", "revoke"]


def test_control_of_a_hang() -> None:
    """The report names the line that was being executed."""
    program = ("open_exporter out=r0", "pause us=1", "hang")
    outcome = fuzz.judge_text(program, ("--bound", "500"))
    assert outcome.wrong == "fuzz: line 3: hang: it hangs"


def test_control_of_shortening_what_threads_do_warns_vmap_warns_overlap() -> None:
    """What a thread keeps is moved by another, without its contents."""
    program = (
        "open_exporter out=r0",
        "pause us=1",
        "1.1 kept_write seed=7",
        "2.1 pause us=1",
        *["1.1 pause us=0xf00"] * 4,
        "1.1 kept_check how=2",
        *["1.2 move on=r0 id=s33 deadline_ns=5ms", "1.2 pause us=0x1f4"] * 4,
    )
    options = ("--faults", str(MOVE_NO_COPY))
    found = fuzz.judge_text(program, options)
    assert re.search(f": {CHANGED}", found.wrong), found.output
    short = fuzz.reproducer(program, found, options, limit=12)
    assert len(short) < len(program), "\n".join(short)
    names = {line.split()[1] for line in short if line[0].isdigit()}
    assert {"kept_write", "kept_check", "move"} <= names
