# SPDX-License-Identifier: GPL-2.0-only
"""Software engines on a BAR, which is I/O memory: what they read, write and copy, and no longer."""
from __future__ import annotations

import errno
import os
import struct
import zlib
from contextlib import ExitStack
from typing import Callable, Iterator

import pytest

from tests.devices.lib.function import CPU, DRIVER, EDU, IOVA, PEER2PEER, attach, find
from tests.lib import life, pci
from tests.lib.life import PAGE

from .bar import Bar
from .conftest import opened
from .target import LENGTH, START, Target, attached

MAPPED, INVALIDATED, UNMAPPED, JOB_DONE = range(1, 5)

#: Words, none, parts of one, what two share, more than is done at once, what two pages share.
RANGES = [
    (0, LENGTH),
    (8, 4),
    (1, 1),
    (1, 2),
    (2, 4),
    (127, 130),
    (PAGE - 3, 7),
    (5, LENGTH - 6),
]

pytestmark = pytest.mark.usefixtures("peer_to_peer")


@pytest.fixture(params=[IOVA, CPU], ids=["iova", "cpu"])
def engine(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def peer(engine: int) -> Iterator[pci.Function]:
    """Bound to the importer, its addresses translated or not."""
    there = find()
    there.release()
    with ExitStack() as stack:
        if engine == CPU:
            stack.enter_context(there.untranslated())
        yield stack.enter_context(there.driven_by(DRIVER))


@pytest.fixture
def target(bar: Bar, peer: pci.Function, engine: int) -> Iterator[Target]:
    with attached(bar, peer, engine) as there:
        yield there


def filled(pattern: int, offset: int, length: int) -> bytes:
    """What WRITE leaves there."""
    word = struct.pack("<Q", pattern)
    return bytes(word[i % 8] for i in range(offset, offset + length))


def changed(before: bytes, offset: int, data: bytes) -> bytes:
    """The surroundings, with that at an offset of the buffer."""
    at = PAGE + offset
    return before[:at] + data + before[at + len(data) :]


@pytest.mark.parametrize("offset, length", RANGES)
def test_what_is_there_is_read(target: Target, offset: int, length: int) -> None:
    there = target.there(offset, length)
    assert target.do(offset=offset, length=length).crc32 == zlib.crc32(there)


@pytest.mark.parametrize("offset, length", RANGES)
def test_what_is_written_is_there_and_nothing_else(
    target: Target, offset: int, length: int
) -> None:
    before, pattern = target.surroundings(), 0x0123456789ABCDEF
    target.do(op=life.WRITE, offset=offset, length=length, pattern=pattern)
    data = filled(pattern, offset, length)
    assert target.surroundings() == changed(before, offset, data)


@pytest.mark.parametrize(
    "source, to, length",
    [(0, PAGE, PAGE), (4, 0, 4), (0, 5, 3), (7, PAGE + 1, 1000), (PAGE + 2, 3, 131)],
)
def test_what_is_copied_is_there_and_nothing_else(
    target: Target, source: int, to: int, length: int
) -> None:
    before = target.surroundings()
    target.do(op=life.COPY, offset=source, length=length, dst_offset=to)
    data = before[PAGE + source : PAGE + source + length]
    assert target.surroundings() == changed(before, to, data)


def test_each_access_is_of_32_bits(peer: pci.Function, engine: int) -> None:
    """QEMU's edu has nothing else for its first registers: its name, and one that inverts."""
    others = [each for each in pci.functions() if each.id == EDU and each != peer]
    if not others:
        pytest.skip("it takes a second edu: the guest 7.3-iommu has one")
    with ExitStack() as stack:
        stack.enter_context(others[0].driven_by("vfio-pci"))
        bar = opened(others[0], 0)
        stack.callback(bar.close)
        # vfio-pci does not switch it on by itself.
        bar.restore()
        dmabuf = bar.export(PAGE)
        stack.callback(os.close, dmabuf)
        attachment = attach(peer, dmabuf, life.DYNAMIC, PEER2PEER, engine)
        stack.callback(os.close, attachment)
        target = Target(bar, attachment)
        (name,) = struct.unpack("<I", bar.read(4))
        assert name & 0xFFFF == 0xED
        for length in (4, 1):
            there = struct.pack("<I", name)[:length]
            assert target.do(length=length).crc32 == zlib.crc32(there)
        target.do(op=life.WRITE, offset=4, length=4, pattern=0x1234567800000000)
        assert bar.read(4, 4) == struct.pack("<I", ~0x12345678 & 0xFFFFFFFF)


WAYS: dict[str, Callable[[Bar], None]] = {
    "memory_is_switched_off": Bar.revoke,
    "function_is_reset": Bar.reset,
    "function_is_closed": Bar.close,
}


def stream(target: Target, op: int, pattern: int = 0) -> int:
    """The number of a job that has done some, and goes on."""
    job = life.submit(
        target.attachment, op=op, length=LENGTH, pattern=pattern, flags=life.STREAM
    )
    life.until_taken_up(target.attachment, passes=2)
    return job


def kinds(attachment: int) -> list[int]:
    """The types of all events so far, each of which has come already."""
    os.set_blocking(attachment, False)
    found = []
    while True:
        try:
            found.append(struct.unpack("=2QIiQ", os.read(attachment, 32))[2])
        except BlockingIOError:
            return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("op", [life.READ, life.WRITE], ids=["read", "write"])
def test_I3_revoke_ends_a_stream(
    function: pci.Function, target: Target, way: str, op: int
) -> None:
    """From then on reading would give ones, and writing be seen."""
    if way == "function_is_reset" and not function.can_be_reset:
        pytest.skip(
            "a function is reset by the root port that it is behind: it has none"
        )
    job = stream(target, op, pattern=0x55 if op == life.WRITE else 0)
    WAYS[way](target.bar)
    result = life.result(target.attachment, job, 0)
    assert (result.status, result.changed) == (0, 0) and result.passes >= 2
    ended = [MAPPED, INVALIDATED, JOB_DONE, UNMAPPED]
    assert kinds(target.attachment)[: len(ended)] == ended
    if way == "memory_is_switched_off":
        target.bar.restore()
    if way != "function_is_closed":
        target.bar.write(bytes(LENGTH), START)
        assert target.there() == bytes(LENGTH)


def test_it_is_there_again_when_it_is_back(target: Target) -> None:
    """The addresses may be others: it is mapped anew, for the CPU, too."""
    there = target.there()
    stream(target, life.READ)
    target.bar.revoke()
    with pytest.raises(OSError) as refusal:
        life.submit(target.attachment)
    assert refusal.value.errno == errno.ENODEV
    target.bar.restore()
    assert target.do(length=LENGTH).crc32 == zlib.crc32(there)


def test_function_that_goes_ends_a_stream(target: Target, peer: pci.Function) -> None:
    stream(target, life.WRITE, pattern=0x55)
    peer.unbind()
    target.bar.write(bytes(LENGTH), START)
    assert target.there() == bytes(LENGTH)
    target.bar.revoke()
    target.bar.restore()
