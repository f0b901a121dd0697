# SPDX-License-Identifier: GPL-2.0-only
"""The spare PCI function, as function.h has it for C cases."""
from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from typing import Iterator

import pytest

from tests.lib import ioctls, pci

DRIVER = "dmabuf_revoke_importer"
EDU = (0x1234, 0x11E8)

PEER2PEER = 1 << 1
AUTO, CPU, IOVA, NONE, DMAENGINE = range(5)

_ATTACH, _ATTACH_LAYOUT = 0xDB41, "=2IiIiI3Q32s2I"

_DEVICES, _DEVICES_LAYOUT, _MOST = 0xDB42, "=2IQ2I", 64
_DEVICE = struct.Struct("=32sQ4I")


def attach(
    function: pci.Function,
    dmabuf: int,
    kind: int = 0,
    flags: int = 0,
    engine: int = AUTO,
    misbehave: int = 0,
    delay_ns: int = 0,
) -> int:
    """The descriptor of a new attachment on its behalf."""
    size = struct.calcsize(_ATTACH_LAYOUT)
    what = (flags, dmabuf, kind, 0, os.O_CLOEXEC, 0, misbehave, delay_ns)
    name = function.address.encode("ascii")
    arg = bytearray(struct.pack(_ATTACH_LAYOUT, size, *what, name, engine, 0))
    importer = ioctls.open_node(ioctls.IMPORTER)
    try:
        fcntl.ioctl(importer, _ATTACH, arg)
    finally:
        os.close(importer)
    attachment: int = struct.unpack(_ATTACH_LAYOUT, arg)[4]
    return attachment


def works(function: pci.Function) -> bool:
    """Whether an attachment on its behalf may have jobs, and not by an engine of its own."""
    array = ctypes.create_string_buffer(_MOST * _DEVICE.size)
    size = struct.calcsize(_DEVICES_LAYOUT)
    room = (ctypes.addressof(array), _MOST, 0)
    arg = bytearray(struct.pack(_DEVICES_LAYOUT, size, 0, *room))
    importer = ioctls.open_node(ioctls.IMPORTER)
    try:
        fcntl.ioctl(importer, _DEVICES, arg)
    finally:
        os.close(importer)
    for name, _, _, engines, _, _ in _DEVICE.iter_unpack(array.raw):
        if name.rstrip(b"\0").decode("ascii") == function.address:
            return bool(engines & (1 << CPU | 1 << IOVA))
    return False


def find() -> pci.Function:
    """One to spare; skips the test without one."""
    given = os.environ.get("DBR_FUNCTION")
    if given:
        return pci.Function(given)
    free = [each for each in pci.functions() if each.id == EDU]
    if not free:
        pytest.skip(
            "no PCI function to spare: name one in DBR_FUNCTION, or give QEMU -device edu"
        )
    # Below a port of its own, by which it can be reset.
    return free[-1]


@pytest.fixture
def function() -> Iterator[pci.Function]:
    """Without a driver, and left so."""
    there = find()
    there.release()
    yield there
    there.release()
