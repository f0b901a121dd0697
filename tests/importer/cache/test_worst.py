# SPDX-License-Identifier: GPL-2.0-only
"""What the importer's own device moves is there whatever a cache does.

Its engine is a CPU, so the device has to be coherent: where it is not, the kernel drops what
the caches hold, and with that what the engine wrote. See lossy.c.
"""
from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from tests.lib import modules
from tests.lib.cases import program_directory
from tests.lib.stepper import Stepper

MODULE = "dbr_cache"
COUNTS = Path("/sys/module", MODULE, "parameters")
MOVING = (
    "contract/dma",
    "importer/jobs",
    "interface/older",
    "memory/move/contents",
    "memory/move/dma",
    "memory/sync",
)


@contextmanager
def lossy(*parameters: str) -> Iterator[None]:
    if platform.machine() != "aarch64":
        pytest.skip("caches are coherent by architecture here: arm64's need not be")
    if os.path.exists("/sys/kernel/realtime"):
        pytest.skip("kprobes here must not sleep, as a lock does with PREEMPT_RT")
    if modules.run("modinfo", "-n", MODULE).returncode:
        pytest.skip(f"no {MODULE}: build the module of tests/importer/cache")
    modules.load(MODULE, *parameters)
    try:
        yield
    finally:
        modules.unload(MODULE)


def count(name: str) -> int:
    return int((COUNTS / name).read_text(encoding="ascii"))


def failed(program: str) -> list[str]:
    """Names of the cases that fail."""
    stepper = Stepper(program_directory() / program, [])
    found = []
    try:
        while name := stepper.next:
            if stepper.step().status == "failed":
                found.append(name)
    finally:
        stepper.close()
    return found


@pytest.mark.parametrize("program", MOVING)
def test_nothing_is_lost_warns_overlap(program: str) -> None:
    with lossy():
        assert not failed(program)
        # There is nothing to be done for a device that is coherent, whichever else there is.
        assert (count("cleaned"), count("invalidated")) == (0, 0)


def test_control_a_device_that_is_not_coherent_loses_data() -> None:
    with lossy("stale=1"):
        assert "suspend_restore_move_unmap" in failed("interface/older")
        assert count("cleaned") and count("lost")
