# SPDX-License-Identifier: GPL-2.0-only
"""Tables of I/O memory, memory, addresses of the bus, and of nothing: what an engine makes of them.

The I/O memory is that of QEMU's edu, which has the registers 0: its name; 4: what is written there
is read inverted. Both are of 32 bits, and are accessed so, or give ones.
"""
from __future__ import annotations

import errno
import fcntl
import os
import struct
import zlib
from pathlib import Path
from typing import Iterator

import pytest

from tests.command.judge.exporters import judge
from tests.devices.lib.function import AUTO, DRIVER, PEER2PEER, attach, find
from tests.lib import life, modules, pci
from tests.lib.life import PAGE

NODE = Path("/dev/dbr-bar")
EXPORT = 0x4068DE00

#: What it is, and which page of the BAR.
Piece = tuple[int, int]
MEMORY, IO, BUS, NOWHERE = ((what, 0) for what in range(4))
NEXT = (1, 1)

NAME, INVERTS = 0, 4
EDU_NAME = 0x010000ED
SEGMENT_BUS = 1 << 1
EVENT_DMA_FAULT = 6


@pytest.fixture(scope="module", autouse=True)
def loaded() -> Iterator[None]:
    modules.run("modprobe", "-q", "dbr_bar")
    if not NODE.exists():
        pytest.skip(f"no {NODE}: build and load the module of tests/devices/bar")
    yield
    modules.unload("dbr_bar")


@pytest.fixture
def peer() -> Iterator[pci.Function]:
    """Bound to the importer."""
    with find().driven_by(DRIVER) as there:
        yield there


def export(*pieces: Piece) -> int:
    """A dma-buf of such pages."""
    whose = find().address.encode("ascii")
    padded = [value for piece in pieces for value in piece]
    padded += [0] * (16 - len(padded))
    node = os.open(NODE, os.O_RDWR | os.O_CLOEXEC)
    try:
        arg = bytearray(struct.pack("=32s2I16I", whose, 0, len(pieces), *padded))
        return fcntl.ioctl(node, EXPORT, arg)
    finally:
        os.close(node)


def attach_to(
    *pieces: Piece, peer: pci.Function | None = None, engine: int = AUTO
) -> int:
    """On behalf of the importer's own device, or of a function, which asks for peer-to-peer."""
    dmabuf = export(*pieces)
    try:
        if not peer:
            return life.attach(dmabuf)
        asks = PEER2PEER if peer.is_translated else 0
        return attach(peer, dmabuf, life.DYNAMIC, asks, engine)
    finally:
        os.close(dmabuf)


def do(attachment: int, **job: int) -> life.Result:
    result = life.result(attachment, life.submit(attachment, **job))
    assert result.status == 0
    return result


def faults(attachment: int) -> list[int]:
    """The addresses of all so far."""
    os.set_blocking(attachment, False)
    found: list[int] = []
    while True:
        try:
            _, _, kind, _, address = struct.unpack("=2QIiQ", os.read(attachment, 32))
        except BlockingIOError:
            return found
        if kind == EVENT_DMA_FAULT:
            found.append(address)


def reads(attachment: int, offset: int, word: int) -> None:
    """All of a word, and each part of it."""
    data = struct.pack("<I", word)
    for first in range(4):
        for length in range(1, 5 - first):
            crc = do(attachment, offset=offset + first, length=length).crc32
            assert crc == zlib.crc32(data[first : first + length])


def writes(attachment: int, offset: int, word: int) -> None:
    pattern = word << 32 if offset % 8 else word
    do(attachment, op=life.WRITE, offset=offset, length=4, pattern=pattern)


def inverted(word: int) -> int:
    return word ^ 0xFFFFFFFF


@pytest.fixture
def engine(peer: pci.Function) -> pci.Function:
    """A function with one that is a CPU."""
    attachment = attach_to(MEMORY, peer=peer)
    try:
        life.wait(attachment, life.submit(attachment), life.FOREVER)
    except OSError as refusal:
        assert refusal.errno == errno.EOPNOTSUPP
        pytest.skip("DMA is bounced here, so there is no engine for a function")
    finally:
        os.close(attachment)
    return peer


def test_words_are_read_and_written() -> None:
    attachment = attach_to(IO)
    reads(attachment, NAME, EDU_NAME)
    writes(attachment, INVERTS, 0x12345678)
    reads(attachment, INVERTS, inverted(0x12345678))
    os.close(attachment)


def test_what_is_beside_a_part_of_a_word_is_written_as_it_was_read() -> None:
    attachment = attach_to(IO)
    writes(attachment, INVERTS, 0x12345678)
    # It reads 0xEDCBA987, so that is what there is beside the byte.
    do(attachment, op=life.WRITE, offset=INVERTS + 1, length=1, pattern=0x55 << 40)
    reads(attachment, INVERTS, inverted(0xEDCB5587))
    os.close(attachment)


def test_copies_go_from_one_to_the_other() -> None:
    attachment = attach_to(IO, MEMORY, IO)
    do(attachment, op=life.COPY, offset=NAME, length=4, dst_offset=PAGE)
    reads(attachment, PAGE, EDU_NAME)
    writes(attachment, PAGE + 8, 0x89ABCDEF)
    do(attachment, op=life.COPY, offset=PAGE + 8, length=4, dst_offset=INVERTS)
    reads(attachment, INVERTS, inverted(0x89ABCDEF))
    # Two mappings of the same.
    do(attachment, op=life.COPY, offset=NAME, length=4, dst_offset=2 * PAGE + INVERTS)
    reads(attachment, INVERTS, inverted(EDU_NAME))
    os.close(attachment)


def test_what_two_pages_share_is_read() -> None:
    """They are one run. There are no registers at the seam, which gives ones."""
    attachment = attach_to(IO, NEXT)
    ones = do(attachment, offset=PAGE - 5, length=11).crc32
    assert ones == zlib.crc32(11 * b"\xff")
    reads(attachment, NAME, EDU_NAME)
    os.close(attachment)


@pytest.mark.parametrize("pieces", [(NOWHERE,), (IO, NOWHERE), (MEMORY, NOWHERE)])
def test_an_address_of_nothing_is_refused(pieces: tuple[Piece, ...]) -> None:
    """Where the CPU would have to access it: that may end the machine."""
    attachment = attach_to(*pieces)
    with pytest.raises(OSError) as refusal:
        life.map_it(attachment)
    assert refusal.value.errno == errno.EOPNOTSUPP
    os.close(attachment)


def test_function_reaches_what_is_translated(engine: pci.Function) -> None:
    attachment = attach_to(MEMORY, IO, peer=engine)
    reads(attachment, PAGE + NAME, EDU_NAME)
    writes(attachment, 0, 0x1234567)
    reads(attachment, 0, 0x1234567)
    os.close(attachment)


def test_an_address_of_the_bus_goes_past_the_iommu(engine: pci.Function) -> None:
    attachment = attach_to(BUS, MEMORY, peer=engine)
    life.map_it(attachment)
    (_, _, flags), _ = life.segments(attachment)
    assert not flags & life.SEGMENT_MEMORY
    if engine.is_translated and not flags & SEGMENT_BUS:
        os.close(attachment)
        pytest.skip("marks do not reach an importer: DMABUF_DEBUG=n, PCI_P2PDMA=y")
    reads(attachment, NAME, EDU_NAME)
    writes(attachment, PAGE, 0x1234567)
    assert faults(attachment) == []
    os.close(attachment)


def need_iommu(engine: pci.Function) -> None:
    if not engine.is_translated:
        pytest.skip("no IOMMU: the guest 7.3-iommu has one")


def test_an_address_of_nothing_is_a_fault_behind_an_iommu(engine: pci.Function) -> None:
    need_iommu(engine)
    attachment = attach_to(IO, NOWHERE, MEMORY, peer=engine)
    reads(attachment, NAME, EDU_NAME)
    job = life.submit(attachment, offset=PAGE + 5)
    assert life.wait(attachment, job, life.FOREVER) == -errno.EFAULT
    assert faults(attachment) == [(1 << 45) + 5]
    writes(attachment, 2 * PAGE, 0x1234567)
    os.close(attachment)


def test_who_does_not_ask_for_it_does_not_reach_it(engine: pci.Function) -> None:
    need_iommu(engine)
    dmabuf = export(IO)
    attachment = attach(engine, dmabuf)
    os.close(dmabuf)
    job = life.submit(attachment)
    assert life.wait(attachment, job, life.FOREVER) == -errno.EFAULT
    ((address, _, _),) = life.segments(attachment)
    assert faults(attachment) == [address]
    os.close(attachment)


def test_judge_blames_nobody_for_what_no_engine_of_ours_reaches() -> None:
    """The map succeeded; it was undone, since no CPU could do the DMA."""
    dmabuf = export(NOWHERE)
    given = ("--pid", str(os.getpid()), "--fd", str(dmabuf))
    verdicts = judge(more=(*given, "--scenario", "kinds"))
    assert not verdicts.of("FAIL"), verdicts.all()
    assert "EOPNOTSUPP" in verdicts.evidence("kinds", "E18")
    os.close(dmabuf)
