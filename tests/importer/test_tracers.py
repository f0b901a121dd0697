# SPDX-License-Identifier: GPL-2.0-only
"""Tracers come and go while our importer streams on every CPU.

Most of them wait for each task to have been switched away from, or to have said that it may
be (RCU-tasks). A worker that only asks whether somebody else wants the CPU does neither, as
long as nobody does: until its stream ends, whoever attaches or removes a probe is stuck where
not even SIGKILL reaches.
"""
from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command.run import SOON, Process, facts, held, no_process_left
from tests.lib import cpus

__all__ = ["no_process_left"]  # a fixture

TRACEFS = Path("/sys/kernel/tracing")
#: Seconds that a sequence may take: a second or two where the host is idle.
LIMIT = SOON

#: What a kernel without it does not say in its README, or list as a tracer; and the steps,
#: which leave nothing behind. They run in tracefs.
SEQUENCES = {
    "fprobe": (
        "f[:[<group>/]",
        [
            "echo f:dbr/seen dma_buf_map_attachment >>dynamic_events",
            "echo 1 >events/dbr/seen/enable",
            "echo 0 >events/dbr/seen/enable",
            "echo -:dbr/seen >>dynamic_events",
        ],
    ),
    "fprobe at the return": (
        "f[:[<group>/]",
        [
            "echo f:dbr/back dma_buf_map_attachment%return >>dynamic_events",
            "echo 1 >events/dbr/back/enable",
            "echo 0 >events/dbr/back/enable",
            "echo -:dbr/back >>dynamic_events",
        ],
    ),
    "kprobe": (
        "p[:[<group>/]",
        [
            "echo p:dbr/seen dma_buf_map_attachment >>kprobe_events",
            "echo r:dbr/back dma_buf_map_attachment >>kprobe_events",
            "echo 1 >events/dbr/enable",
            "echo 0 >events/dbr/enable",
            "echo -:dbr/seen >>kprobe_events",
            "echo -:dbr/back >>kprobe_events",
        ],
    ),
    "function": (
        "function",
        [
            "echo dma_buf_map_attachment >set_ftrace_filter",
            "echo function >current_tracer",
            "echo nop >current_tracer",
            "echo >set_ftrace_filter",
        ],
    ),
    # Beside that of the whole system, the state of a tracer is allocated, and freed.
    "function in an instance": (
        "function",
        [
            "mkdir instances/dbr",
            "echo dma_buf_map_attachment >instances/dbr/set_ftrace_filter",
            "echo function >instances/dbr/current_tracer",
            "echo nop >instances/dbr/current_tracer",
            "rmdir instances/dbr",
        ],
    ),
}


def knows(what: str) -> bool:
    """Whether this kernel's tracefs has it."""
    readme = (TRACEFS / "README").read_text(encoding="ascii")
    tracers = (TRACEFS / "available_tracers").read_text(encoding="ascii").split()
    return what in readme if what.endswith("]") else what in tracers


class Streams:
    """As many as there are CPUs, all of them at work, over one buffer."""

    def __init__(self, buffer: dict[str, Any]) -> None:
        self._id = str(buffer["id"])
        place = ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]
        self._processes = [
            Process("attach", *place, "--stream") for _ in os.sched_getaffinity(0)
        ]
        for process in self._processes:
            process.read_until(".*mapped.*")

    def end(self) -> list[int]:
        """The passes that each has made."""
        facts("revoke", self._id)
        pattern = re.compile(r"^DMA passes over the buffer +(\d+)$", re.MULTILINE)
        return [
            int(number)
            for process in self._processes
            for number in pattern.findall(process.end())
        ]


@pytest.fixture
def streams() -> Iterator[Streams]:
    with cpus.only_one(), held("1M") as (buffer, _):
        yield Streams(buffer)


def begin(steps: list[str]) -> subprocess.Popen[str]:
    """Takes the steps one after the other, saying each before it is taken."""
    return subprocess.Popen(
        ["sh", "-exc", "\n".join(steps)],
        cwd=TRACEFS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", SEQUENCES)
def test_tracer_comes_and_goes_beside_streams(name: str, streams: Streams) -> None:
    needs, steps = SEQUENCES[name]
    if not knows(needs):
        pytest.skip(f"tracefs has no {needs}")
    child = begin(steps)
    stuck = False
    try:
        child.wait(LIMIT)
    except subprocess.TimeoutExpired:
        stuck = True
    # What it is stuck in ends with the streams.
    passes = streams.end()
    said = child.communicate(timeout=SOON)[1]
    assert not stuck, f"not done within {LIMIT} s:\n{said}"
    assert child.returncode == 0, said
    assert passes and all(passes), passes
