# SPDX-License-Identifier: GPL-2.0-only
"""dma-bufs of other exporters, and another importer: the system heap, udmabuf, vgem."""
from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from . import ioctls

_HEAP_ALLOC = 0xC0184800
_UDMABUF_CREATE = 0x40187542
_PRIME_FD_TO_HANDLE = 0xC00C642E
_PRIME_HANDLE_TO_FD = 0xC00C642D
_CREATE_DUMB = 0xC02064B2

LENGTH = ioctls.PAGE
_CLOEXEC_RDWR = os.O_RDWR | os.O_CLOEXEC


_NEEDS = {
    "/dev/dma_heap/system": "CONFIG_DMABUF_HEAPS_SYSTEM=y",
    "/dev/udmabuf": "CONFIG_UDMABUF=y",
}


def _open(path: str) -> int:
    if not os.path.exists(path):
        pytest.skip(f"no {path}: {_NEEDS[path]}")
    return os.open(path, _CLOEXEC_RDWR)


def heap_buffer(_: ExitStack | None = None) -> int:
    """A dma-buf of the system heap."""
    heap = _open("/dev/dma_heap/system")
    arg = bytearray(struct.pack("=Q2IQ", LENGTH, 0, _CLOEXEC_RDWR, 0))
    try:
        fcntl.ioctl(heap, _HEAP_ALLOC, arg)
    finally:
        os.close(heap)
    result: int = struct.unpack("=Q2IQ", arg)[1]
    return result


def udmabuf_buffer(_: ExitStack | None = None) -> int:
    """A dma-buf of udmabuf."""
    node = _open("/dev/udmabuf")
    memory = os.memfd_create("unload", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(memory, LENGTH)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        arg = struct.pack("=2I2Q", memory, 1, 0, LENGTH)
        return fcntl.ioctl(node, _UDMABUF_CREATE, bytearray(arg))
    finally:
        os.close(memory)
        os.close(node)


def _vgem_node() -> Path | None:
    for card in Path("/sys/class/drm").glob("card[0-9]*"):
        if os.path.realpath(card / "device").endswith("/vgem"):
            return Path("/dev/dri", card.name)
    return None


def _open_vgem(undo: ExitStack) -> int:
    """Its node; the module goes again by @undo."""
    if _vgem_node() is None:
        done = subprocess.run(["modprobe", "vgem"], check=False)
        if done.returncode:
            pytest.skip("no module vgem for this kernel")
        undo.callback(subprocess.check_call, ["modprobe", "-r", "vgem"])
    node = _vgem_node()
    assert node is not None
    return os.open(node, _CLOEXEC_RDWR)


def vgem_buffer(undo: ExitStack) -> int:
    """A dma-buf of vgem."""
    card = _open_vgem(undo)
    try:
        # One row of pixels of 32 bits.
        dumb = bytearray(struct.pack("=6IQ", 1, LENGTH // 4, 32, 0, 0, 0, 0))
        fcntl.ioctl(card, _CREATE_DUMB, dumb)
        handle = struct.unpack("=6IQ", dumb)[4]
        prime = bytearray(struct.pack("=2Ii", handle, _CLOEXEC_RDWR, -1))
        fcntl.ioctl(card, _PRIME_HANDLE_TO_FD, prime)
    finally:
        os.close(card)
    result: int = struct.unpack("=2Ii", prime)[2]
    return result


def vgem_import(dmabuf: int, undo: ExitStack) -> int:
    """A descriptor of vgem, which has imported the dma-buf."""
    card = _open_vgem(undo)
    try:
        fcntl.ioctl(
            card, _PRIME_FD_TO_HANDLE, bytearray(struct.pack("=2Ii", 0, 0, dmabuf))
        )
    except OSError:
        os.close(card)
        raise
    return card
