# SPDX-License-Identifier: GPL-2.0-only
"""A device that really writes after the unmap, and an IOMMU that stops it.

Where there is none channels.c shows what it does to the memory.
"""
from __future__ import annotations

import mmap
import os
from contextlib import ExitStack
from typing import Iterator

import pytest

from tests.devices.lib.function import DMAENGINE, PEER2PEER, attach
from tests.devices.vfio.bar import Bar
from tests.devices.vfio.conftest import bar, function, peer_to_peer
from tests.gates import kernel_log
from tests.lib import ioctls, life, pci
from tests.lib.life import PAGE

from .machine import fault_of, until

__all__ = ["bar", "function", "peer_to_peer"]  # fixtures

PATTERN = 0x0123456789ABCDEF
BYTES = PATTERN.to_bytes(8, "little") * (PAGE // 8)
#: Of the next owner: 16 MiB.
MANY = (16 << 20) // PAGE


@pytest.fixture
def exporter() -> Iterator[int]:
    file = ioctls.open_node(ioctls.EXPORTER)
    yield file
    os.close(file)


@pytest.fixture
def translated(engine: pci.Function) -> pci.Function:
    if not engine.is_translated:
        pytest.skip("no IOMMU translates for it: the guest 7.3-iommu has one")
    return engine


class Log:
    """What the kernel says of a device from now on."""

    def __init__(self, engine: pci.Function) -> None:
        self.fault = fault_of(engine)
        self.file = os.open(kernel_log.KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self.file, 0, os.SEEK_END)

    def faults(self) -> list[int]:
        """Addresses that it was stopped at since the last call."""
        lines = kernel_log.read_records(self.file)[0]
        found = [self.fault.search(line) for line in lines]
        return [int(match[1], 16) for match in found if match]

    def await_faults(self, address: int) -> None:
        """Three from now on, each of the same page."""
        self.faults()
        seen: list[int] = []

        def enough() -> bool:
            seen.extend(self.faults())
            return len(seen) >= 3

        until(enough)
        assert {each & -PAGE for each in seen} == {address & -PAGE}


def physical(dmabuf: int) -> list[int]:
    """Where its pages are: what the importer's own device is told."""
    attachment = life.attach_mapped(dmabuf)
    pages = [
        address + offset
        for address, length, _ in life.segments(attachment)
        for offset in range(0, length, PAGE)
    ]
    os.close(attachment)
    return pages


def contents(dmabuf: int, length: int) -> mmap.mmap:
    return mmap.mmap(dmabuf, length)


def written_by_device(attachment: int, dmabuf: int) -> bytes:
    job = life.fill(attachment, PAGE, PATTERN)
    assert life.wait(attachment, job, life.FOREVER) == 0
    with contents(dmabuf, PAGE) as memory:
        return memory[:PAGE]


def next_owner(exporter: int, page: int, stack: ExitStack) -> mmap.mmap:
    """A buffer that has this page, among others, and holds what its owner wrote there."""
    for _ in range(8):
        buffer = life.alloc(exporter, MANY * PAGE, shape=life.SHUFFLED)
        stack.callback(os.close, buffer.fd)
        if page in physical(buffer.fd):
            memory = stack.enter_context(contents(buffer.fd, MANY * PAGE))
            memory[:] = b"owner's " * (MANY * PAGE // 8)
            return memory
    pytest.fail("nobody gets the page again")


def rogue(engine: pci.Function, buffer: life.Buffer) -> tuple[int, int]:
    """An attachment that goes on writing after the unmap, and where to; it is mapped."""
    attachment = attach(
        engine, buffer.fd, engine=DMAENGINE, misbehave=life.DMA_AFTER_UNMAP
    )
    life.map_it(attachment)
    ((address, _, _),) = life.segments(attachment)
    assert written_by_device(attachment, buffer.fd) == BYTES
    return attachment, address


def test_I3_write_after_the_unmap_warns_iommu(
    exporter: int, translated: pci.Function
) -> None:
    """The memory has another owner by then, who sees nothing of it."""
    log = Log(translated)
    buffer = life.alloc(exporter, PAGE)
    (page,) = physical(buffer.fd)
    attachment, address = rogue(translated, buffer)
    assert not log.faults()
    assert buffer.revoke(life.FOREVER)
    with ExitStack() as stack:
        memory = next_owner(exporter, page, stack)
        log.await_faults(address)
        assert memory[:] == b"owner's " * (MANY * PAGE // 8)
    os.close(attachment)
    os.close(buffer.fd)
    # What comes later belongs to nobody.
    log.faults()
    assert not log.faults()
    os.close(log.file)


@pytest.mark.usefixtures("peer_to_peer")
def test_I3_write_to_a_bar_that_was_revoked_warns_iommu(
    bar: Bar, translated: pci.Function
) -> None:
    """Peer-to-peer, by an exporter that is not ours: vfio-pci."""
    log = Log(translated)
    dmabuf = bar.export(PAGE)
    attachment = attach(
        translated,
        dmabuf,
        flags=PEER2PEER,
        engine=DMAENGINE,
        misbehave=life.DMA_AFTER_UNMAP,
    )
    life.map_it(attachment)
    ((address, _, flags),) = life.segments(attachment)
    assert not flags & life.SEGMENT_MEMORY
    fill = life.fill(attachment, PAGE, PATTERN)
    assert life.wait(attachment, fill, life.FOREVER) == 0
    assert bar.read(PAGE) == BYTES
    bar.write(b"owner's " * (PAGE // 8))
    bar.revoke()
    log.await_faults(address)
    bar.restore()
    assert bar.read(PAGE) == b"owner's " * (PAGE // 8)
    os.close(attachment)
    os.close(dmabuf)
    os.close(log.file)


def test_I3_quarantine_is_not_reached_warns_iommu(
    exporter: int, translated: pci.Function
) -> None:
    log = Log(translated)
    buffer = life.alloc(exporter, PAGE, life.QUARANTINE)
    attachment, address = rogue(translated, buffer)
    assert buffer.revoke(life.FOREVER)
    log.await_faults(address)
    assert buffer.free() == (0, 1)
    os.close(attachment)
    os.close(buffer.fd)
    os.close(log.file)
