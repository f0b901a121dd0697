# SPDX-License-Identifier: GPL-2.0-only
"""Complaints of the kernel that a scenario provokes by itself are no FAIL of a driver; others are."""
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .show import CHECKS, build

WRAPPED = ["own_record_take", "open64"]


@pytest.fixture(scope="module")
def forgiven(command: Path) -> Path:
    flags = [*CHECKS.split(), *(f"-Wl,--wrap={name}" for name in WRAPPED)]
    return build(command, command / "forgiven", *flags, source="forgiven.c")


def forgives(forgiven: Path, scenario: str, text: str) -> bool:
    done = subprocess.run(
        [forgiven, scenario, text],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout == "1\n"


OVERLAP = [
    "DMA-API: exceeded 7 overlapping mappings of cacheline 0x0000000012345000",
    "WARNING: kernel/dma/debug.c:483 at add_dma_entry+0x2e0/0x300, CPU#1: program/123",
    "WARNING: CPU: 1 PID: 123 at kernel/dma/debug.c:483 add_dma_entry+0x2e0/0x300",
]
OTHERS = [
    "DMA-API: device: device driver frees DMA sg list with different entry count",
    "WARNING: drivers/x/y.c:1 at y+0x1/0x2, CPU#1: program/123",
    "BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "BUG: KASAN: slab-use-after-free in dma_buf_vmap+0x45/0x90",
    "WARNING: drivers/x/y.c:1 at foo_dma_buf_vmap+0x1/0x2, CPU#1: program/123",
    "WARNING: CPU: 1 PID: 123 at drivers/x/y.c:1 foo_dma_buf_vmap+0x1/0x2 [foo]",
]
#: Of Linux 7.3, and of 6.1 and 6.12.
VMAPS = [
    "WARNING: drivers/dma-buf/dma-buf.c:1666 at dma_buf_vmap+0x9e/0xc0, CPU#0: a/1",
    "WARNING: CPU: 0 PID: 1 at drivers/dma-buf/dma-buf.c:1462 dma_buf_vmap+0x9e/0xc0",
]


@pytest.mark.parametrize("text", OVERLAP)
def test_memory_that_is_there_again_and_again(forgiven: Path, text: str) -> None:
    """The DMA-API checks cannot count that; elsewhere it is the driver that maps so often."""
    assert forgives(forgiven, "beyond-4gib", text)
    assert not forgives(forgiven, "fragmented", text)


@pytest.mark.parametrize("text", [*OTHERS, *VMAPS])
def test_what_else_there_is_counts(forgiven: Path, text: str) -> None:
    assert not forgives(forgiven, "beyond-4gib", text)


@pytest.mark.parametrize("text", [*OTHERS, *OVERLAP])
@pytest.mark.parametrize("scenario", ["vmap-fails", "told"])
def test_vmap_that_fails_excuses_nothing_else(
    forgiven: Path, scenario: str, text: str
) -> None:
    for vmap in VMAPS:
        assert forgives(forgiven, scenario, vmap)
    assert not forgives(forgiven, scenario, text)
