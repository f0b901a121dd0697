# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's edu: who may have it, and what its IOMMU says of it."""
from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Callable

import pytest

from tests.gates.counts import PATIENCE
from tests.lib import pci

NODE = Path("/dev/dbr-copy")
MODULES = ("dbr_edu", "dbr_copy")
EDU = (0x1234, 0x11E8)


def spare(count: int) -> list[pci.Function]:
    """So many that nobody drives."""
    free = [each for each in pci.functions() if each.id == EDU and not each.driver]
    if len(free) < count:
        pytest.skip(
            f"it takes {count} edu devices without a driver: the guest 7.3-iommu has two, "
            "others get more by --qemu-args='-device edu,dma_mask=0xffffffffffffffff'"
        )
    return free[:count]


def fault_of(function: pci.Function) -> re.Pattern[str]:
    """What the kernel logs when an IOMMU stops what it writes; group 1: the address."""
    # With the domain since Linux 7.
    name = rf"\[(?:\w{{4}}:)?{function.address[5:]}\]"
    intel = rf"DMAR: \[DMA Write.*{name} fault addr"
    # Of reads, too: whether it was a write is in the line after that.
    arm = rf"arm-smmu-v3 .*: F_TRANSLATION client: {function.address} .* iova:"
    return re.compile(rf"(?:{intel}|{arm}) (0x[0-9a-f]+)")


def until(what: Callable[[], bool]) -> None:
    """For what has no event."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)
