# SPDX-License-Identifier: GPL-2.0-only
"""The spare PCI function, as tests/devices/lib has it for C cases."""
from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Iterator

import pytest

from tests.lib import ioctls

PCI = Path("/sys/bus/pci")
DRIVER = "dmabuf_revoke_importer"
EDU = ("0x1234", "0x11e8")

_ATTACH, _ATTACH_LAYOUT = 0xDB41, "=2IiIiI3Q32s2I"


class Function:
    """A PCI function: whose it is, and how it goes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = PCI / "devices" / name

    def tell(self, file: str, text: str) -> None:
        (self.path / file).write_text(text, encoding="ascii")

    def driver(self) -> str:
        """The name of its driver; empty without one."""
        link = self.path / "driver"
        return os.path.basename(os.readlink(link)) if link.is_symlink() else ""

    def bind(self) -> None:
        self.tell("driver_override", DRIVER)
        (PCI / "drivers_probe").write_text(self.name, encoding="ascii")
        assert self.driver() == DRIVER

    def unbind(self) -> None:
        if self.driver():
            self.tell("driver/unbind", self.name)
        self.tell("driver_override", "\n")

    def attach(self, dmabuf: int) -> int:
        """The descriptor of a new attachment on its behalf."""
        size = struct.calcsize(_ATTACH_LAYOUT)
        name = self.name.encode("ascii")
        flags = (0, dmabuf, 0, 0, os.O_CLOEXEC)
        arg = bytearray(struct.pack(_ATTACH_LAYOUT, size, *flags, 0, 0, 0, name, 0, 0))
        importer = ioctls.open_node(ioctls.IMPORTER)
        try:
            fcntl.ioctl(importer, _ATTACH, arg)
        finally:
            os.close(importer)
        attachment: int = struct.unpack(_ATTACH_LAYOUT, arg)[4]
        return attachment


def _is_edu(path: Path) -> bool:
    ids = [
        (path / name).read_text(encoding="ascii").strip()
        for name in ("vendor", "device")
    ]
    return tuple(ids) == EDU


def find() -> str:
    """The name of a function to spare; skips the test without one."""
    given = os.environ.get("DBR_FUNCTION")
    found = sorted(path.name for path in PCI.glob("devices/*") if _is_edu(path))
    if not given and not found:
        pytest.skip(
            "no PCI function to spare: name one in DBR_FUNCTION, or give QEMU -device edu"
        )
    return given or found[0]


@pytest.fixture
def function() -> Iterator[Function]:
    """Without a driver, and left so."""
    there = Function(find())
    there.unbind()
    yield there
    there.unbind()
