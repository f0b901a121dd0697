# SPDX-License-Identifier: GPL-2.0-only
"""Whether the machine was alive: each CPU counts, and time is lost once."""
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ..sample import REPOSITORY

SOURCES = [
    "tests/host/judge/lib/pulse.c",
    "tools/judge/seen/pulse.c",
    "tools/lib/devices/ioctls.c",
]


def build(out: Path) -> Path:
    subprocess.run(
        ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1"]
        + ["-fsanitize=address,undefined", "-Dclock_nanosleep=slow_nanosleep"]
        + [f"-I{REPOSITORY}/include/uapi", "-iquote", f"{REPOSITORY}/tools"]
        + [str(REPOSITORY / source) for source in SOURCES]
        + ["-o", str(out)],
        check=True,
    )
    return out


Row = tuple[int, ...]


def rows(program: Path) -> tuple[Row, list[Row]]:
    """Threads and CPUs; then of each CPU, and of all."""
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    first, *others = (
        tuple(map(int, line.split())) for line in done.stdout.splitlines()
    )
    return first, others


def test_cpu_that_stands_still_is_noticed(tmp_path: Path) -> None:
    """Also if the others go on: what was waited for may have been there."""
    (threads, cpus), found = rows(build(tmp_path / "pulse"))
    assert threads == cpus
    assert len(found) == cpus + 1
    for lost, stood, elapsed in found:
        # It sleeps for 500 ms at least once of these 900 ms, beside any load.
        assert 400 <= lost <= elapsed
        assert stood <= lost
    assert found[-1][1] >= 400


def test_machine_does_not_stand_still_while_a_cpu_goes_on(tmp_path: Path) -> None:
    """A driver may spin on one. Beside load this machine may: not each time."""
    program = build(tmp_path / "pulse")
    for _ in range(5):
        (_, cpus), found = rows(program)
        if cpus == 1:
            pytest.skip("one CPU: it is the machine")
        if all(stood < 400 for _, stood, _ in found[:-1]):
            return
    raise AssertionError(found)
