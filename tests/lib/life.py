# SPDX-License-Identifier: GPL-2.0-only
"""A buffer's life through ioctls, for tests that a C case cannot make: see ioctls.py."""
from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import time
from typing import NamedTuple

from . import ioctls

DYNAMIC, PINNED, LEGACY_STATIC, LEGACY_RDMA = range(4)
ACCEPT_LEGACY, ZERO_PAGE, QUARANTINE = 1 << 0, 1 << 1, 1 << 2
DEFER_UNMAP = 1 << 0
STREAM = 1 << 0
NO_UNMAP, LATE_FENCE, STUCK_FENCE, FENCE_OUTLIVES = 1 << 1, 1 << 4, 1 << 5, 1 << 20
DMA_AFTER_UNMAP = 1 << 10
SEGMENT_MEMORY = 1 << 0
READ, WRITE, COPY = range(3)
SHUFFLED = 2

FOREVER = (1 << 64) - 1
PAGE = ioctls.PAGE

STATE_LIVE = 0
STATE_REVOKING = 1
STATE_REVOKED = 2
STATE_SUSPENDED = 4

_ALLOC, _REVOKE, _QUERY, _LIST, _MOVE = 0xDB01, 0xDB02, 0xDB03, 0xDB04, 0xDB06
_RESTORE, _FREE, _EXPORT = 0xDB05, 0xDB07, 0xDB08
_ATTACH, _MAP, _UNMAP, _SUBMIT, _WAIT, _VMAP = (
    0xDB41,
    0xDB60,
    0xDB61,
    0xDB62,
    0xDB63,
    0xDB65,
)

_ALLOC_LAYOUT = "=2I2QiIQ2IQ"
_REVOKE_LAYOUT = "=2I2Q2I6Q6I"
_QUERY_LAYOUT = "=2IQiIQ4I6Q6I2Q"
_ATTACH_LAYOUT = "=2IiIiI3Q"
_SUBMIT_LAYOUT = "=3Ii6Q"
_WAIT_LAYOUT = "=2I2QiI4Q"
_VUNMAP, _SEGMENTS = 0xDB66, 0xDB67
_STATUS, _STATUS_LAYOUT = 0xDB64, "=6I4Q4I4QIi2Q"

CLOEXEC = os.O_RDWR | os.O_CLOEXEC


def _call(fd: int, request: int, layout: str, **members: int) -> tuple[int, ...]:
    """OSError with the ioctl's errno. ``members`` are by position: m2=..., all others 0."""
    values = [0] * len(struct.unpack(layout, bytes(struct.calcsize(layout))))
    values[0] = struct.calcsize(layout)
    for name, value in members.items():
        values[int(name[1:])] = value
    arg = bytearray(struct.pack(layout, *values))
    fcntl.ioctl(fd, request, arg)
    return struct.unpack(layout, arg)


class Buffer(NamedTuple):
    """A buffer of an exporter file, and a dma-buf descriptor of it."""

    file: int
    id: int
    fd: int

    def revoke(self, deadline_ns: int = 0, suspend: bool = False) -> bool:
        """False if blockers were left at the deadline."""
        try:
            _call(
                self.file,
                _REVOKE,
                _REVOKE_LAYOUT,
                m1=int(suspend),
                m2=self.id,
                m3=deadline_ns,
            )
        except OSError as error:
            if error.errno != errno.ETIMEDOUT:
                raise
            return False
        return True

    def move(self, deadline_ns: int) -> None:
        _call(self.file, _MOVE, "=2I2Q", m2=self.id, m3=deadline_ns)

    def export(self) -> int:
        """One more descriptor."""
        return _call(self.file, _EXPORT, "=2IQiI", m2=self.id, m4=os.O_CLOEXEC)[3]

    def restore(self, deadline_ns: int) -> None:
        _call(self.file, _RESTORE, "=2I2Q", m2=self.id, m3=deadline_ns)

    def state(self) -> int:
        return _call(self.file, _QUERY, _QUERY_LAYOUT, m2=self.id)[4]

    def free(self) -> tuple[int, int]:
        """Gives up the id: pages that were written to after the revoke, and 1 if checked."""
        values = _call(self.file, _FREE, "=2I2Q4I", m2=self.id)
        return values[5], values[6]

    def maps(self) -> tuple[int, int]:
        """All mappings, and those of importers that are not revocable."""
        values = _call(self.file, _QUERY, _QUERY_LAYOUT, m2=self.id)
        return values[17], values[18]


def alloc(
    file: int, length: int, flags: int = 0, faults: int = 0, shape: int = 0
) -> Buffer:
    values = _call(
        file,
        _ALLOC,
        _ALLOC_LAYOUT,
        m1=flags,
        m2=length,
        m5=CLOEXEC,
        m6=faults,
        m7=shape,
    )
    return Buffer(file, values[3], values[4])


def ids(file: int, capacity: int = 512) -> list[int]:
    """Of the buffers that the caller may name, ascending."""
    array = (ctypes.c_uint64 * capacity)()
    address = ctypes.addressof(array)
    count = _call(file, _LIST, "=2IQ2I", m2=address, m3=capacity)[4]
    return list(array[: min(count, capacity)])


def attach(
    dmabuf: int, kind: int = 0, flags: int = 0, misbehave: int = 0, delay_ns: int = 0
) -> int:
    """The descriptor of a new attachment."""
    importer = ioctls.open_node(ioctls.IMPORTER)
    try:
        values = _call(
            importer,
            _ATTACH,
            _ATTACH_LAYOUT,
            m1=flags,
            m2=dmabuf,
            m3=kind,
            m5=os.O_CLOEXEC,
            m7=misbehave,
            m8=delay_ns,
        )
    finally:
        os.close(importer)
    return values[4]


def attach_mapped(dmabuf: int, kind: int = 0) -> int:
    attachment = attach(dmabuf, kind)
    map_it(attachment)
    return attachment


def map_it(attachment: int) -> None:
    _call(attachment, _MAP, "=4I")


def unmap(attachment: int) -> None:
    _call(attachment, _UNMAP, "=2I")


def vmap(attachment: int) -> None:
    _call(attachment, _VMAP, "=4I")


def vunmap(attachment: int) -> None:
    _call(attachment, _VUNMAP, "=4I")


def segments(attachment: int) -> list[tuple[int, int, int]]:
    """Of its mapping: address, length, SEGMENT_* flags."""
    room = 8192
    array = (ctypes.c_uint64 * (3 * room))()
    address = ctypes.addressof(array)
    count = _call(attachment, _SEGMENTS, "=2IQ2I", m2=address, m3=room)[4]
    assert count <= room
    return [
        (array[i], array[i + 1], array[i + 2] & 0xFFFFFFFF)
        for i in range(0, 3 * count, 3)
    ]


def submit(
    attachment: int,
    duration_ns: int = 0,
    op: int = READ,
    offset: int = 0,
    length: int = 1,
    dst_offset: int = 0,
    pattern: int = 0,
    flags: int = 0,
) -> int:
    """The number of a new job that lasts so long, or each pass of it."""
    return _call(
        attachment,
        _SUBMIT,
        _SUBMIT_LAYOUT,
        m1=flags,
        m2=op,
        m4=offset,
        m5=length,
        m6=dst_offset,
        m7=pattern,
        m8=duration_ns,
    )[9]


class Result(NamedTuple):
    """What WAIT says of a job; times are CLOCK_MONOTONIC, in ns."""

    status: int
    crc32: int
    passes: int
    changed: int
    started_ns: int
    ended_ns: int


def result(attachment: int, job: int, deadline_ns: int = FOREVER) -> Result:
    values = _call(attachment, _WAIT, _WAIT_LAYOUT, m2=job, m3=deadline_ns)
    return Result(*values[4:])


def fill(attachment: int, length: int, pattern: int) -> int:
    """The number of a new job that writes so."""
    return submit(attachment, op=WRITE, length=length, pattern=pattern)


def wait(attachment: int, job: int, deadline_ns: int) -> int:
    """The job's status."""
    return result(attachment, job, deadline_ns).status


def until_taken_up(attachment: int, patience: float = 30.0, passes: int = 0) -> None:
    """Until the device works on a job: one that waits is cancelled when it is invalidated."""
    deadline = time.monotonic() + patience
    running, done = 0, 0
    while not running or done < passes:
        running, done = _call(attachment, _STATUS, _STATUS_LAYOUT)[-2:]
        assert time.monotonic() < deadline, "no job was taken up"
        # No event tells of a job's start.
        time.sleep(0.001)


def bytes_in_system() -> int:
    """Memory behind all buffers."""
    file = ioctls.open_node(ioctls.EXPORTER)
    try:
        return ioctls.exporter_info(file)[1]
    finally:
        os.close(file)
