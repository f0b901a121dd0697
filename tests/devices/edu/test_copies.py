# SPDX-License-Identifier: GPL-2.0-only
"""The DMA engine that other tests rely on: it copies, stops when told to, and may go away."""
from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.devices.lib.function import DMAENGINE, attach
from tests.gates import kernel_log
from tests.lib import ioctls, life, pci

from .machine import EDU, NODE, fault_of, spare, until

COPY = 0xC040DD00
TERMINATE, UNMAPPED = 1, 2
MOST = 64 * 1024


class Arg(ctypes.Structure):
    """struct copy of uapi.h."""

    _fields_ = [
        ("device", ctypes.c_char * 32),
        ("source", ctypes.c_uint64),
        ("target", ctypes.c_uint64),
        ("length", ctypes.c_uint32),
        ("descriptors", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("ended", ctypes.c_uint32),
    ]


def copy(
    device: str, source: bytes, target: bytes, descriptors: int = 1, flags: int = 0
) -> tuple[bytes, int, int]:
    """What the target holds then, how many descriptors ended, and the errno or 0."""
    memory = [ctypes.create_string_buffer(text, len(text)) for text in (source, target)]
    where = [ctypes.addressof(place) for place in memory]
    arg = Arg(device.encode(), *where, len(source), descriptors, flags, 0)
    node = os.open(NODE, os.O_RDWR | os.O_CLOEXEC)
    error = 0
    try:
        fcntl.ioctl(node, COPY, arg)
    except OSError as refusal:
        error = refusal.errno or 0
    finally:
        os.close(node)
    return memory[1].raw, arg.ended, error


def is_running(edu: pci.Function) -> bool:
    """As its register has it, without asking the driver."""
    with (edu.path / "resource0").open("r+b") as file:
        registers = mmap.mmap(file.fileno(), 4096)
    with registers, memoryview(registers) as view:
        command = ctypes.c_uint64.from_buffer(view, 0x98)
        running = bool(command.value & 1)
        del command
    return running


# A piece is 2 KiB.
@pytest.mark.parametrize("length, descriptors", [(1, 1), (2048, 1), (4099, 1), (99, 5)])
def test_copies(engine: pci.Function, length: int, descriptors: int) -> None:
    source = os.urandom(length)
    copied = copy(engine.address, source, bytes(length), descriptors)
    assert copied == (source, descriptors, 0)


def test_two_engines_at_once(loaded: None) -> None:
    sources = [os.urandom(3000), os.urandom(3000)]
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        names = [stack.enter_context(e.driven_by("dbr_edu")).address for e in spare(2)]
        copied = list(pool.map(copy, names, sources, [bytes(3000)] * 2))
    assert copied == [(source, 1, 0) for source in sources]


def test_stops_when_it_is_told_to(engine: pci.Function) -> None:
    source, before = os.urandom(256), bytes(256)
    after, ended, error = copy(engine.address, source, before, 16, TERMINATE)
    assert not is_running(engine)
    assert error == 0 and ended >= 1
    # What the device was at may have been written, nothing beyond it.
    assert after[: 16 * ended] == source[: 16 * ended]
    assert after[16 * (ended + 1) :] == before[16 * (ended + 1) :]
    assert copy(engine.address, source, before) == (source, 1, 0)


def without_driver(edu: pci.Function, source: bytes) -> tuple[bytes, int, int]:
    """A copy that takes seconds, and whose driver goes meanwhile."""
    with edu.driven_by("dbr_edu"), ThreadPoolExecutor(1) as pool:
        (in_use,) = edu.path.glob("dma/dma*chan*/in_use")
        running = pool.submit(copy, edu.address, source, bytes(MOST), 16)
        until(lambda: in_use.read_text(encoding="ascii") == "1\n")
        edu.unbind()
        return running.result()


def test_driver_goes_while_it_copies(edu: pci.Function) -> None:
    source = os.urandom(MOST)
    for _ in range(5):  # until it went before the end
        after, ended, error = without_driver(edu, source)
        assert not is_running(edu)
        if error:
            break
    assert error == errno.ECANCELED
    part = MOST // 16
    assert after[: part * ended] == source[: part * ended]
    assert after[part * (ended + 1) :] == bytes(MOST - part * (ended + 1))
    with edu.driven_by("dbr_edu"):
        assert copy(edu.address, source[:9], bytes(9)) == (source[:9], 1, 0)


def refused_while_it_copies(edu: pci.Function, dmabuf: int) -> bool:
    """Whether the importer has come before the end, and was told that the channel is in use."""
    with edu.driven_by("dbr_edu"), ThreadPoolExecutor(1) as pool:
        (in_use,) = edu.path.glob("dma/dma*chan*/in_use")
        running = pool.submit(copy, edu.address, bytes(MOST), bytes(MOST), 16)
        until(lambda: in_use.read_text(encoding="ascii") == "1\n")
        try:
            os.close(attach(edu, dmabuf, engine=DMAENGINE))
        except OSError as refusal:
            assert refusal.errno == errno.EBUSY
            return True
        running.result()
        return False


def test_client_has_the_channel_for_itself(edu: pci.Function) -> None:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(exporter, life.PAGE)
    try:
        assert any(refused_while_it_copies(edu, buffer.fd) for _ in range(5))
    finally:
        os.close(buffer.fd)
        os.close(exporter)


def test_address_that_is_not_mapped_warns_iommu(engine: pci.Function) -> None:
    """An IOMMU stops it, and says so; without one the bytes are in whose memory it is."""
    source, before = os.urandom(64), bytes(64)
    log = os.open(kernel_log.KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.lseek(log, 0, os.SEEK_END)
    fault = fault_of(engine)
    lines: list[str] = []

    def reported() -> bool:
        lines.extend(kernel_log.read_records(log)[0])
        return any(fault.search(line) for line in lines)

    try:
        after, ended, error = copy(engine.address, source, before, 1, UNMAPPED)
        if error == errno.EOPNOTSUPP:
            pytest.skip("DMA is bounced here: it would reach memory of others")
        assert (ended, error) == (1, 0)
        if engine.is_translated:
            assert after == before
            until(reported)
        else:
            assert after == source
            assert not reported()
    finally:
        os.close(log)


def test_bad_input(engine: pci.Function) -> None:
    def refusal(*arguments: object) -> int:
        return copy(engine.address, *arguments)[2]  # type: ignore[arg-type]

    assert refusal(b"", b"") == errno.EINVAL
    assert refusal(bytes(MOST + 1), bytes(MOST + 1)) == errno.EINVAL
    assert refusal(bytes(9), bytes(9), 0) == errno.EINVAL
    assert refusal(bytes(9), bytes(9), 10) == errno.EINVAL
    assert refusal(bytes(99), bytes(99), 17) == errno.EINVAL
    assert refusal(bytes(9), bytes(9), 1, 4) == errno.EINVAL
    assert copy("0000:00:00.0", b"a", b"b") == (b"b", 0, errno.ENODEV)


def test_no_other_device_is_taken(loaded: None) -> None:
    other = next(
        function
        for function in pci.functions()
        if not function.driver and function.id != EDU
    )
    try:
        with pytest.raises((OSError, AssertionError)):
            other.bind("dbr_edu")
    finally:
        other.release()
    assert other.driver == ""
