# SPDX-License-Identifier: GPL-2.0-only
"""What a killed one has left behind is known by its name, and nothing else is."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .show import CHECKS, build


@pytest.fixture(scope="module")
def left(command: Path) -> Path:
    return build(command, command / "left", *CHECKS.split(), source="left.c")


def names(left: Path, *given: str) -> list[str]:
    done = subprocess.run(
        [left, *given], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.splitlines()


SPACE = os.stat("/proc/self/ns/pid").st_ino


def test_who_has_ended_has_left_it(left: Path) -> None:
    (name,) = names(left)
    assert name.startswith("made_") and name.endswith(f"_{SPACE}")
    assert names(left, name)[1:] == [name]


def test_what_others_have_or_may_have_is_not_left(left: Path) -> None:
    (name,) = names(left)
    pid = name.split("_")[1]
    others = [
        f"made_{os.getpid()}_{SPACE}",
        # Of another namespace of pids, where nobody here can look; of a command before these.
        f"made_{pid}_{SPACE + 1}",
        f"made_{pid}",
        f"{name}x",
        f"other_{name}",
        f"made__{SPACE}",
        f"made_-1_{SPACE}",
    ]
    assert names(left, *others)[1:] == []
