# SPDX-License-Identifier: GPL-2.0-only
"""The questions that a sync_file answers, whoever made its fence."""
from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
from typing import NamedTuple

_MERGE = 0xC0303E03
_FILE_INFO = 0xC0383E04
_EXPORT = 0xC0086202  # DMA_BUF_IOCTL_EXPORT_SYNC_FILE
_IMPORT = 0x40086203  # DMA_BUF_IOCTL_IMPORT_SYNC_FILE
_SYNC_RW = 3

_MERGE_LAYOUT = "=32siiII"
_INFO_LAYOUT = "=32siIIIQ"
_FENCE_LAYOUT = "=32s32siIQ"


class Info(NamedTuple):
    """Statuses: 1: signalled; 0: not; negative: signalled with this error."""

    status: int
    fences: list[int]


def info(fence: int, capacity: int = 8) -> Info:
    """The whole, and each fence in it.

    Looks at the details too, since the names come from whoever made the fence.
    """
    size = struct.calcsize(_FENCE_LAYOUT)
    details = ctypes.create_string_buffer(size * capacity)
    address = ctypes.addressof(details)
    arg = bytearray(struct.pack(_INFO_LAYOUT, b"", 0, 0, capacity, 0, address))
    fcntl.ioctl(fence, _FILE_INFO, arg)
    _, status, _, count, *_ = struct.unpack(_INFO_LAYOUT, arg)
    fences: list[int] = []
    for each in struct.iter_unpack(_FENCE_LAYOUT, details.raw[: count * size]):
        timeline, driver, one, *_ = each
        assert timeline.strip(b"\0") and driver.strip(b"\0")
        fences.append(one)
    return Info(status, fences)


def merged(fence: int) -> int:
    """A new sync_file of this one and itself."""
    arg = bytearray(struct.pack(_MERGE_LAYOUT, b"merged", fence, 0, 0, 0))
    fcntl.ioctl(fence, _MERGE, arg)
    result: int = struct.unpack(_MERGE_LAYOUT, arg)[2]
    return result


def exported(dmabuf: int) -> int:
    """A sync_file of all that readers and writers of the dma-buf wait for."""
    arg = bytearray(struct.pack("=Ii", _SYNC_RW, -1))
    fcntl.ioctl(dmabuf, _EXPORT, arg)
    result: int = struct.unpack("=Ii", arg)[1]
    return result


def put_on(dmabuf: int, fence: int) -> None:
    """Let all that use the dma-buf wait for the fence of a sync_file."""
    fcntl.ioctl(dmabuf, _IMPORT, struct.pack("=Ii", _SYNC_RW, fence))


def is_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def assert_answers(fence: int, *expected: int) -> None:
    """Every question there is, with the answers that fences of these statuses give."""
    whole, fences = info(fence)
    assert sorted(fences) == sorted(expected)
    done = all(expected)
    assert (whole != 0) == done
    assert is_readable(fence) == done
    second = merged(fence)
    try:
        assert is_readable(second) == done
    finally:
        os.close(second)
