# SPDX-License-Identifier: GPL-2.0-only
"""The few ioctls that the pytest side makes itself; see include/uapi/dmabuf_revoke.h."""
from __future__ import annotations

import fcntl
import os
import struct

EXPORTER = "/dev/dmabuf-revoke/exporter"
IMPORTER = "/dev/dmabuf-revoke/importer"

#: Of memory, in bytes: 4 KiB, 16 KiB or more, by the kernel.
PAGE = os.sysconf("SC_PAGESIZE")

_EXPORTER_INFO = 0xDB00
_ALLOC = 0xDB01
_LIST = 0xDB04
_IMPORTER_INFO = 0xDB40
_ATTACH = 0xDB41
_SUBMIT = 0xDB62

SUBMIT_FENCE_FD = 1 << 1


def _call(fd: int, request: int, layout: str, *values: int) -> tuple[int, ...]:
    """OSError with the ioctl's errno. ``values`` are those after size and flags' place."""
    size = struct.calcsize(layout)
    arg = bytearray(struct.pack(layout, size, *values))
    fcntl.ioctl(fd, request, arg)
    return struct.unpack(layout, arg)


def open_node(path: str) -> int:
    """A descriptor of one of the two devices."""
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def exporter_info(fd: int) -> tuple[int, int, int]:
    """Buffers, bytes, and the limit of the latter."""
    values = _call(fd, _EXPORTER_INFO, "=4I4Q", 0, 0, 0, 0, 0, 0, 0)
    return values[4], values[5], values[6]


def exporter_features(fd: int) -> int:
    """DMABUF_REVOKE_FEATURE_* of the kernel."""
    return _call(fd, _EXPORTER_INFO, "=4I4Q", 0, 0, 0, 0, 0, 0, 0)[7]


def alloc(fd: int, length: int, flags: int = 0, faults: int = 0) -> tuple[int, int]:
    """A new buffer: id and dma-buf descriptor."""
    fd_flags = os.O_RDWR | os.O_CLOEXEC
    values = _call(fd, _ALLOC, "=2I2QiIQ", flags, length, 0, 0, fd_flags, faults)
    return values[3], values[4]


def list_count(fd: int) -> int:
    """How many buffers the caller may name."""
    return _call(fd, _LIST, "=2IQ2I", 0, 0, 0, 0)[4]


def importer_info(fd: int) -> tuple[int, int]:
    """Attachments, and jobs that have not ended."""
    values = _call(fd, _IMPORTER_INFO, "=4I3Q", 0, 0, 0, 0, 0, 0)
    return values[4], values[5]


def attach(fd: int, dmabuf: int, kind: int = 0) -> int:
    """The descriptor of a new attachment."""
    return _call(fd, _ATTACH, "=2IiIiI3Q", 0, dmabuf, kind, 0, os.O_CLOEXEC, 0, 0, 0)[4]


def submit_fence(att: int, duration_ns: int) -> int:
    """Starts a job that lasts so long and gives its sync_file."""
    return _call(
        att, _SUBMIT, "=3Ii6Q", SUBMIT_FENCE_FD, 0, 0, 0, 1, 0, 0, duration_ns, 0
    )[3]
