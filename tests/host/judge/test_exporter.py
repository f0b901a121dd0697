# SPDX-License-Identifier: GPL-2.0-only
"""What test-exporter says of exporters, and of a machine, that no guest has: the scenarios are real,
what our modules answer is given."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from .show import CHECKS, build

#: What lib/exporter.c answers in place of the modules and of the pulse.
CALLS = (
    [f"dr_{name}" for name in "attach_as map unmap vmap vunmap status".split()]
    + [f"dr_{name}" for name in "segments submit wait event".split()]
    + ["ioctl", "pulse_lost"]
)

#: An importer is told; and nobody is.
TELL = "printf T >>told"
SUSPEND = f"suspend={TELL}"
RESTORE = "restore=true"


class Said(NamedTuple):
    clause: str
    verdict: str
    text: str


@pytest.fixture(scope="module")
def exporter(command: Path) -> Path:
    wraps = [f"-Wl,--wrap={name}" for name in CALLS]
    out = command / "exporter"
    return build(command, out, *CHECKS.split(), *wraps, source="exporter.c")


class Judge:
    """In a directory of its own."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.program, self.directory = program, directory

    def say(self, scenario: str, *deeds: str, **environment: str) -> list[Said]:
        done = subprocess.run(
            [self.program, scenario, *deeds],
            cwd=self.directory,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not done.returncode, done.stderr
        lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
        return [Said(*line) for line in lines]

    def of(self, clause: str, scenario: str, *deeds: str, **environment: str) -> str:
        """The one verdict, or the ones, on that clause."""
        said = self.say(scenario, *deeds, **environment)
        return " ".join(sorted({row.verdict for row in said if row.clause == clause}))


@pytest.fixture
def judge(exporter: Path, tmp_path: Path) -> Judge:
    return Judge(exporter, tmp_path)


def test_who_tells_nobody_of_a_restore_is_asked_by_a_map(judge: Judge) -> None:
    assert judge.of("E25", "restore", SUSPEND, RESTORE) == "PASS"
    refused = {"MAP": "0 -19"}
    assert judge.of("E25", "restore", SUSPEND, RESTORE, **refused) == "FAIL"
