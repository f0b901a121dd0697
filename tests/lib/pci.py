# SPDX-License-Identifier: GPL-2.0-only
"""PCI functions of the machine: which there are, and who drives them."""
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

BUS = Path("/sys/bus/pci")


def _write(path: Path, text: str) -> None:
    path.write_text(f"{text}\n", encoding="ascii")


@dataclass(frozen=True)
class Function:
    """One of them, by its address, such as 0000:00:04.0."""

    address: str

    @property
    def path(self) -> Path:
        return BUS / "devices" / self.address

    @property
    def id(self) -> tuple[int, int]:
        """Vendor and device."""
        vendor, device = (
            int((self.path / name).read_text(encoding="ascii"), 16)
            for name in ("vendor", "device")
        )
        return vendor, device

    @property
    def driver(self) -> str:
        """The name of its driver; empty if it has none."""
        link = self.path / "driver"
        return link.resolve().name if link.exists() else ""

    @property
    def is_translated(self) -> bool:
        """Whether an IOMMU translates what it reads and writes."""
        kind = self.path / "iommu_group" / "type"
        return kind.exists() and kind.read_text(encoding="ascii").startswith("DMA")

    @contextmanager
    def untranslated(self) -> Iterator[None]:
        """Its IOMMU lets all pass meanwhile. Nobody drives it when that begins or ends."""
        kind = self.path / "iommu_group" / "type"
        if not kind.exists():
            yield
            return
        before = kind.read_text(encoding="ascii").strip()
        _write(kind, "identity")
        try:
            yield
        finally:
            _write(kind, before)

    @property
    def can_be_reset(self) -> bool:
        methods = self.path / "reset_method"
        return methods.exists() and bool(methods.read_text(encoding="ascii").strip())

    def unbind(self) -> None:
        """From its driver, if it has one."""
        if self.driver:
            _write(self.path / "driver" / "unbind", self.address)

    def bind(self, driver: str) -> None:
        """To a driver that is loaded, whatever else that drives. OSError if it refuses."""
        self.unbind()
        _write(self.path / "driver_override", driver)
        _write(BUS / "drivers_probe", self.address)
        assert self.driver == driver, f"{driver} does not take {self.address}"

    def release(self) -> None:
        """The reverse: no driver, and open to any."""
        self.unbind()
        _write(self.path / "driver_override", "")

    def rediscover(self) -> None:
        """It goes, and comes again as if the machine had just been started."""
        _write(self.path / "remove", "1")
        _write(BUS / "rescan", "1")
        assert self.path.exists(), f"{self.address} does not come again"

    @contextmanager
    def driven_by(self, driver: str) -> Iterator[Function]:
        try:
            self.bind(driver)
            yield self
        finally:
            self.release()


def functions() -> list[Function]:
    """All, in the order of their addresses."""
    return [Function(path.name) for path in sorted((BUS / "devices").glob("*"))]
