# SPDX-License-Identifier: GPL-2.0-only
"""A BAR as vfio-pci exports it: a dma-buf that is revoked when the function's memory goes off.

See VFIO_DEVICE_FEATURE_DMA_BUF in linux/vfio.h; Linux 7.3 has it.
"""
from __future__ import annotations

import fcntl
import os
import struct
from contextlib import ExitStack

from tests.lib.pci import Function

_SET_IOMMU, _SET_CONTAINER, _DEVICE_FD = 0x3B66, 0x3B68, 0x3B6A
_REGION_INFO, _RESET, _FEATURE = 0x3B6C, 0x3B6F, 0x3B75

_TYPE1V2 = 3
_GET, _DMA_BUF = 1 << 16, 11
_CONFIG = 7

_COMMAND, _MEMORY = 4, 1 << 1


class Bar:
    """Of a function that vfio-pci drives, behind an IOMMU. OSError if that lacks something.

    Nothing else is to have the function; close() leaves it as it was.
    """

    def __init__(self, function: Function, number: int) -> None:
        self.number = number
        self._stack = ExitStack()
        with ExitStack() as undo:
            undo.callback(self._stack.close)
            self._device = self._open(function)
            self._config, _ = self._region(_CONFIG)
            self._start, self.length = self._region(number)
            undo.pop_all()

    def _hold(self, fd: int) -> int:
        self._stack.callback(os.close, fd)
        return fd

    def _open(self, function: Function) -> int:
        group = (function.path / "iommu_group").resolve().name
        container = self._hold(os.open("/dev/vfio/vfio", os.O_RDWR | os.O_CLOEXEC))
        member = self._hold(os.open(f"/dev/vfio/{group}", os.O_RDWR | os.O_CLOEXEC))
        fcntl.ioctl(member, _SET_CONTAINER, struct.pack("=i", container))
        fcntl.ioctl(container, _SET_IOMMU, _TYPE1V2)
        name = bytearray(function.address.encode() + b"\0")
        return self._hold(fcntl.ioctl(member, _DEVICE_FD, name))

    def _region(self, index: int) -> tuple[int, int]:
        """Where it is in the device's file, and how long."""
        layout = "=4I2Q"
        arg = bytearray(struct.pack(layout, struct.calcsize(layout), 0, index, 0, 0, 0))
        fcntl.ioctl(self._device, _REGION_INFO, arg)
        *_, length, start = struct.unpack(layout, arg)
        return start, length

    def export(self, length: int, offset: int = 0) -> int:
        """A dma-buf of so many bytes from there on. OSError: ENOTTY where there is no such."""
        layout = "=2I4I2Q"
        size = struct.calcsize(layout)
        flags = os.O_RDWR | os.O_CLOEXEC
        what = (self.number, flags, 0, 1, offset, length)
        arg = bytearray(struct.pack(layout, size, _GET | _DMA_BUF, *what))
        return fcntl.ioctl(self._device, _FEATURE, arg)

    @property
    def is_on(self) -> bool:
        """Whether the function decodes its memory."""
        command = os.pread(self._device, 2, self._config + _COMMAND)
        return bool(int.from_bytes(command, "little") & _MEMORY)

    def _switch(self, on: bool) -> None:
        command = os.pread(self._device, 2, self._config + _COMMAND)
        value = int.from_bytes(command, "little")
        value = value | _MEMORY if on else value & ~_MEMORY
        os.pwrite(self._device, value.to_bytes(2, "little"), self._config + _COMMAND)

    def revoke(self) -> None:
        """Switch the function's memory off; returns when no importer has it mapped."""
        self._switch(False)

    def restore(self) -> None:
        """The reverse: it can be mapped again."""
        self._switch(True)

    def reset(self) -> None:
        """The function: revokes, and restores."""
        fcntl.ioctl(self._device, _RESET, 0)

    def read(self, length: int, offset: int = 0) -> bytes:
        """As the CPU does. OSError: EIO while it is revoked."""
        return os.pread(self._device, length, self._start + offset)

    def write(self, data: bytes, offset: int = 0) -> None:
        os.pwrite(self._device, data, self._start + offset)

    def close(self) -> None:
        """The function, which ends what was exported of it."""
        self._stack.close()
