# SPDX-License-Identifier: GPL-2.0-only
"""What may hang for ever is left to a process of its own, which has nothing that it hangs for."""
from __future__ import annotations

import os
import subprocess
from errno import ENOTTY
from pathlib import Path

import pytest

from .show import CHECKS, build

WRAPPED = ["own_record_take", "own_record_descriptors", "ioctl", "poll"]


@pytest.fixture(scope="module")
def children(command: Path) -> Path:
    flags = [*CHECKS.split(), *(f"-Wl,--wrap={name}" for name in WRAPPED)]
    return build(command, command / "children", *flags, source="children.c")


def said(children: Path, what: str) -> list[str]:
    done = subprocess.run(
        [children, what], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


def test_who_acts_has_neither_our_attachment_nor_what_is_recorded(
    children: Path,
) -> None:
    """A callback that hangs for the fence of our attachment goes on when the judge closes that."""
    assert said(children, "act") == [os.strerror(ENOTTY), "stuck 0"]


def test_lock_that_somebody_holds_does_not_hang_who_looks(children: Path) -> None:
    assert said(children, "look") == ["not written", "stuck 0"]


def test_list_that_never_comes_is_given_up_whoever_has_blocked_the_alarm(
    command: Path,
) -> None:
    """A mask of signals is inherited, from a shell's parent, too."""
    flags = [*CHECKS.split(), "-Wl,--wrap=fopen64"]
    listed = build(command, command / "listed", *flags, source="listed.c")
    done = subprocess.run(
        [listed], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == "1\n"


def test_signal_ends_it_while_it_reports(command: Path) -> None:
    """What has interrupted it has had its effect; another one is for whoever writes for long."""
    names = ["own_record_open", "own_record_take", "own_record_close", "report"]
    flags = [*CHECKS.split(), *(f"-Wl,--wrap={name}" for name in names)]
    program = build(command, command / "run", *flags, source="run.c")
    done = subprocess.run(
        [program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "interrupted 1, blocked PIPE\n"
