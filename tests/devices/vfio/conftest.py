# SPDX-License-Identifier: GPL-2.0-only
"""What tests of vfio-pci's dma-bufs need of the machine."""
from __future__ import annotations

import errno
import os
import platform
from typing import Iterator

import pytest

from tests.lib import modules, pci
from tests.lib.life import PAGE

from .bar import Bar

#: QEMU's ivshmem-plain: its BAR 2 is memory.
IVSHMEM = (0x1AF4, 0x1110)


@pytest.fixture(scope="session")
def function() -> pci.Function:
    """One whose BAR 2 is memory, and that nobody drives."""
    free = [each for each in pci.functions() if each.id == IVSHMEM and not each.driver]
    if not free:
        pytest.skip("no ivshmem device: the guest 7.3-iommu has one")
    if not free[0].is_translated:
        pytest.skip("vfio-pci needs an IOMMU: the guest 7.3-iommu has one")
    for name in ("vfio-pci", "vfio_iommu_type1"):
        done = modules.run("modprobe", name)
        if done.returncode:
            pytest.skip(f"no {name}: CONFIG_VFIO_PCI=m. {done.stderr.strip()}")
    return free[0]


@pytest.fixture
def peer_to_peer() -> None:
    """For whoever maps a BAR on behalf of another function, below another port."""
    if platform.machine() != "x86_64":
        pytest.skip(
            "Linux trusts no root complex but a PC's with DMA from one device to another: "
            "the guest 7.3-iommu has one"
        )


def opened(function: pci.Function, number: int = 2) -> Bar:
    try:
        found = Bar(function, number)
    except PermissionError:
        pytest.skip(
            "no interrupt remapping: modprobe vfio_iommu_type1 allow_unsafe_interrupts=1"
        )
    try:
        os.close(found.export(PAGE))
    except OSError as error:
        found.close()
        if error.errno != errno.ENOTTY:
            raise
        pytest.skip("vfio-pci exports no dma-bufs here: CONFIG_VFIO_PCI_DMABUF")
    return found


@pytest.fixture
def bar(function: pci.Function) -> Iterator[Bar]:
    """BAR 2 of ivshmem, 1 MiB, on a kernel that exports it as dma-bufs."""
    with function.driven_by("vfio-pci"):
        found = opened(function)
        try:
            yield found
        finally:
            found.close()
