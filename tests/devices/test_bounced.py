# SPDX-License-Identifier: GPL-2.0-only
"""A function whose DMA is bounced: what goes on after an unmap would reach others' memory."""
from __future__ import annotations

import pytest

from tests.command.run import run
from tests.lib.pci import Function

from .lib.function import DRIVER, function
from .test_demo import has_engine, nothing_is_left

__all__ = ["function"]  # a fixture


def test_no_engine_for_the_demo(function: Function) -> None:
    function.bind(DRIVER)
    if has_engine(function):
        pytest.skip("nothing is bounced: the guest 7.3-swiotlb does that")
    done = run("demo", "--device", function.address, status=1)
    assert "its DMA is bounced" in done.stderr
    nothing_is_left()
