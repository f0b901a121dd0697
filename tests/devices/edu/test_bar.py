# SPDX-License-Identifier: GPL-2.0-only
"""Peer-to-peer DMA: edu itself reads from a BAR of another device, as vfio-pci exports it.

What it writes there is in test_proof.py.
"""
from __future__ import annotations

import errno
import zlib
from typing import Iterator

import pytest

from tests.devices.lib.function import DMAENGINE
from tests.devices.vfio.bar import Bar
from tests.devices.vfio.conftest import bar, function, peer_to_peer
from tests.devices.vfio.target import LENGTH, START, Target, attached
from tests.lib import life, pci
from tests.lib.life import PAGE

__all__ = ["bar", "function", "peer_to_peer"]  # fixtures

pytestmark = pytest.mark.usefixtures("peer_to_peer")


@pytest.fixture
def target(bar: Bar, engine: pci.Function) -> Iterator[Target]:
    with attached(bar, engine, DMAENGINE) as there:
        yield there


@pytest.mark.parametrize(
    "offset, length", [(0, LENGTH), (8, 4), (1, 1), (PAGE - 3, 7), (5, 3000)]
)
def test_what_is_there_is_read(target: Target, offset: int, length: int) -> None:
    there = target.there(offset, length)
    assert target.do(offset=offset, length=length).crc32 == zlib.crc32(there)


def test_what_comes_there_later_is_read(target: Target) -> None:
    """It is in the device, and not in what the importer has of it."""
    before = target.do(length=64).crc32
    target.bar.write(bytes(64), START)
    assert target.do(length=64).crc32 == zlib.crc32(bytes(64)) != before


def test_from_and_to_the_bar(target: Target) -> None:
    before = target.there()
    target.do(op=life.COPY, offset=5, length=1000, dst_offset=PAGE + 3)
    data = before[: PAGE + 3] + before[5:1005] + before[PAGE + 1003 :]
    assert target.there() == data


def test_I3_revoke_ends_reading(target: Target) -> None:
    """From then on there is nothing but ones, which no pass may have read."""
    job = life.submit(target.attachment, length=64, flags=life.STREAM)
    life.until_taken_up(target.attachment, passes=2)
    target.bar.revoke()
    result = life.result(target.attachment, job, 0)
    assert (result.status, result.changed) == (0, 0) and result.passes >= 2
    with pytest.raises(OSError) as refusal:
        life.submit(target.attachment)
    assert refusal.value.errno == errno.ENODEV
    target.bar.restore()
    assert target.do(length=64).crc32 == zlib.crc32(target.there(0, 64))
