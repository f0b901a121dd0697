# SPDX-License-Identifier: GPL-2.0-only
"""vfio-pci's dma-buf on behalf of a PCI function that asks for peer-to-peer DMA."""
from __future__ import annotations

import errno
import os
import select
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator

import pytest

from tests.devices.lib.function import (
    DRIVER,
    IOVA,
    NONE,
    PEER2PEER,
    attach,
    find,
)
from tests.lib import life, pci
from tests.lib.life import PAGE

from .bar import Bar

MAPPED, INVALIDATED, UNMAPPED, _, GONE = range(1, 6)


@pytest.fixture
def dmabuf(bar: Bar) -> Iterator[int]:
    fd = bar.export(PAGE)
    yield fd
    os.close(fd)


@pytest.fixture
def peer() -> Iterator[pci.Function]:
    """Bound to the importer."""
    with find().driven_by(DRIVER) as there:
        yield there


def events(attachment: int) -> list[tuple[int, int, int]]:
    """All that can be read at once: type, status, and the number of what it is of."""
    found = []
    while select.select([attachment], [], [], 0)[0]:
        try:
            data = os.read(attachment, 32)
        except OSError as error:
            assert error.errno == errno.ENODEV
            break
        _, _, kind, status, number = struct.unpack("=2QIiQ", data)
        found.append((kind, status, number))
    return found


def await_event(attachment: int, kind: int) -> None:
    """Reads events until there is one of that type."""
    found = 0
    while found != kind:
        _, _, found, _, _ = struct.unpack("=2QIiQ", os.read(attachment, 32))


def refusal(call: object, *arguments: object) -> int:
    """The errno that a call ends with."""
    assert callable(call)
    with pytest.raises(OSError) as refused:
        call(*arguments)
    assert refused.value.errno is not None
    return refused.value.errno


def test_peer_that_does_not_ask_is_refused(dmabuf: int, peer: pci.Function) -> None:
    assert refusal(attach, peer, dmabuf) == errno.EOPNOTSUPP


@pytest.mark.parametrize("kind", [life.LEGACY_STATIC, life.LEGACY_RDMA])
def test_E1_importer_that_cannot_be_revoked_is_refused(
    dmabuf: int, peer: pci.Function, kind: int
) -> None:
    asks = PEER2PEER if kind == life.LEGACY_RDMA else 0
    assert refusal(attach, peer, dmabuf, kind, asks) == errno.EOPNOTSUPP


@pytest.mark.usefixtures("peer_to_peer")
def test_I5_pinned_importer_stays_dead(
    bar: Bar, dmabuf: int, peer: pci.Function
) -> None:
    attachment = attach(peer, dmabuf, life.PINNED, PEER2PEER, NONE)
    life.map_it(attachment)
    bar.revoke()
    assert events(attachment) == [
        (MAPPED, 0, 1),
        (INVALIDATED, 0, 0),
        (UNMAPPED, 0, 1),
    ]
    bar.restore()
    assert refusal(life.map_it, attachment) == errno.ENODEV
    os.close(attachment)


@pytest.mark.parametrize("engine", [NONE, IOVA])
@pytest.mark.usefixtures("peer_to_peer")
def test_I6_callback_comes_and_the_mapping_goes(
    bar: Bar, dmabuf: int, peer: pci.Function, engine: int
) -> None:
    attachment = attach(peer, dmabuf, life.DYNAMIC, PEER2PEER, engine)
    life.map_it(attachment)
    assert events(attachment) == [(MAPPED, 0, 1)]
    bar.revoke()
    assert events(attachment) == [(INVALIDATED, 0, 0), (UNMAPPED, 0, 1)]
    assert refusal(life.map_it, attachment) == errno.ENODEV
    bar.restore()
    life.map_it(attachment)
    assert (MAPPED, 0, 2) in events(attachment)
    os.close(attachment)


@pytest.mark.usefixtures("peer_to_peer")
def test_segments_are_no_memory(dmabuf: int, peer: pci.Function) -> None:
    attachment = attach(peer, dmabuf, life.DYNAMIC, PEER2PEER, NONE)
    life.map_it(attachment)
    (segment,) = life.segments(attachment)
    address, length, flags = segment
    assert address and length == PAGE and not flags & life.SEGMENT_MEMORY
    os.close(attachment)


@pytest.mark.usefixtures("peer_to_peer")
def test_function_that_goes_lets_go_of_the_bar(
    bar: Bar, dmabuf: int, peer: pci.Function
) -> None:
    attachment = attach(peer, dmabuf, life.DYNAMIC, PEER2PEER, NONE)
    life.map_it(attachment)
    peer.unbind()
    assert events(attachment) == [(MAPPED, 0, 1), (UNMAPPED, 0, 1), (GONE, 0, 0)]
    assert refusal(life.map_it, attachment) == errno.ENODEV
    bar.revoke()
    bar.restore()
    os.close(attachment)


@pytest.mark.usefixtures("peer_to_peer")
def test_unmap_is_waited_for(bar: Bar, dmabuf: int, peer: pci.Function) -> None:
    """E6. The importer keeps its mapping until its file is closed."""
    attachment = attach(
        peer, dmabuf, life.DYNAMIC, PEER2PEER, NONE, misbehave=life.NO_UNMAP
    )
    life.map_it(attachment)
    with ThreadPoolExecutor(1) as pool:
        revoking = pool.submit(bar.revoke)
        await_event(attachment, INVALIDATED)
        assert not revoking.done()
        os.close(attachment)
        revoking.result()


@pytest.mark.usefixtures("peer_to_peer")
def test_fences_are_waited_for_with_the_lock_held(
    bar: Bar, dmabuf: int, peer: pci.Function
) -> None:
    """What E7 forbids: MAP, which needs the resv lock, does not get it before the fence signals.

    When this fails vfio-pci has been mended, and docs/modules/kernels.md is to say so.
    """
    late, delay_ns = life.LATE_FENCE, 2 * 10**9
    attachment = attach(peer, dmabuf, life.DYNAMIC, PEER2PEER, IOVA, late, delay_ns)
    life.map_it(attachment)
    job = life.submit(attachment)
    life.until_taken_up(attachment)
    with ThreadPoolExecutor(1) as pool:
        revoking = pool.submit(bar.revoke)
        await_event(attachment, INVALIDATED)
        assert refusal(life.map_it, attachment) == errno.ENODEV
        at = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        revoking.result()
    result = life.result(attachment, job)
    assert result.status in (0, -errno.ECANCELED)
    assert at > result.ended_ns
    os.close(attachment)


def test_told_before_it_is_back(bar: Bar, dmabuf: int, peer: pci.Function) -> None:
    """What E25 forbids: the one call that a restore makes comes while a map still fails.

    That it does is what vfio_pci_dma_buf_move() says; that there is no other call is seen here.
    """
    attachment = attach(peer, dmabuf, life.DYNAMIC, PEER2PEER, NONE)
    bar.revoke()
    bar.restore()
    assert events(attachment) == [(INVALIDATED, 0, 0)] * 2
    os.close(attachment)


@pytest.mark.usefixtures("peer_to_peer")
def test_bar_that_is_closed_ends_the_mapping(
    bar: Bar, dmabuf: int, peer: pci.Function
) -> None:
    attachment = attach(peer, dmabuf, life.DYNAMIC, PEER2PEER, NONE)
    life.map_it(attachment)
    bar.close()
    assert events(attachment)[-1] == (UNMAPPED, 0, 1)
    assert refusal(life.map_it, attachment) == errno.ENODEV
    os.close(attachment)
