# SPDX-License-Identifier: GPL-2.0-only
"""Whether the machine was alive: each CPU counts, and time is lost once."""
from __future__ import annotations

import subprocess
from pathlib import Path

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


def test_cpu_that_stands_still_is_noticed(tmp_path: Path) -> None:
    """Also if the others go on: what was waited for may have been there."""
    done = subprocess.run(
        [build(tmp_path / "pulse")], capture_output=True, text=True, check=True
    )
    first, *rows = (tuple(map(int, line.split())) for line in done.stdout.splitlines())
    threads, cpus = first
    assert threads == cpus
    assert len(rows) == cpus + 1
    for lost, elapsed in rows:
        # It sleeps for 500 ms at least once of these 900 ms, beside any load.
        assert 400 <= lost <= elapsed
