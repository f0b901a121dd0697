# SPDX-License-Identifier: GPL-2.0-only
"""What a function is like when the importer has let it go."""
from __future__ import annotations

from pathlib import Path

from tests.lib import pci

from .lib.function import DRIVER, function

__all__ = ["function"]  # a fixture


def masks(path: Path) -> list[int]:
    """Bits of the addresses that it is thought to emit."""
    names = ("dma_mask_bits", "consistent_dma_mask_bits")
    return [int((path / name).read_text(encoding="ascii")) for name in names]


def test_masks_are_those_that_it_had(function: pci.Function) -> None:
    """As PCI leaves a function that no driver has had yet: those of others are as they like."""
    function.rediscover()
    assert masks(function.path) == [32, 32]
    with function.driven_by(DRIVER):
        assert masks(function.path) == [64, 64]
    assert masks(function.path) == [32, 32]
