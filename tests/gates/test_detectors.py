# SPDX-License-Identifier: GPL-2.0-only
"""The last items of a session: what the detectors of a debug kernel found in all the others."""
from __future__ import annotations

from pathlib import Path

import pytest

from . import detectors


def need(detector: Path) -> None:
    reason = detectors.supported(detector)
    if reason:
        pytest.skip(reason)


def test_lockdep_knows_our_lock_order_from_the_start() -> None:
    """Both modules teach it when they are loaded; see their teach_lockdep()."""
    need(detectors.LOCK_ORDER)
    known = detectors.lock_order()
    for pair in [
        ("reservation_ww_class_mutex", "&att->lock"),
        ("dbr_registry_lock", "reservation_ww_class_mutex"),
    ]:
        assert pair in known


def test_dma_api_was_not_misused() -> None:
    need(detectors.DMA_API)
    assert detectors.dma_api_is_on(), "the DMA-API checks have given up"
    assert detectors.dma_api_errors() == 0


def test_kmemleak_finds_no_leak() -> None:
    need(detectors.KMEMLEAK)
    found = detectors.leaks()
    assert not found, "\n".join(found)


def test_lockdep_is_still_on() -> None:
    """Off, it would have reported nothing since."""
    need(detectors.LOCKDEP)
    assert detectors.lockdep_is_on()
