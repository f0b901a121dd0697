# SPDX-License-Identifier: GPL-2.0-only
"""The drivers that the programs are for, loaded while a module of tests needs them."""
from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Iterator

import pytest

from tests.lib import modules, pci

#: As QEMU has them.
VIRTIO_GPU = (0x1AF4, 0x1050)
BOCHS = (0x1234, 0x1111)
QXL = (0x1B36, 0x0100)
CLASS = Path("/sys/class/video4linux")
ALLOCATORS = Path("/sys/module/vivid/parameters/allocators")


def loaded(name: str, *parameters: str) -> Iterator[None]:
    """Unless somebody has it loaded; it goes again."""
    with ExitStack() as undo:
        if not modules.is_loaded(name.replace("-", "_")):
            done = modules.run("modprobe", name, *parameters)
            if done.returncode:
                pytest.skip(f"no module {name} for this kernel: {done.stderr.strip()}")
            undo.callback(_unload, name)
        yield


def _unload(name: str) -> None:
    done = modules.run("modprobe", "-r", name)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def vgem() -> Iterator[None]:
    yield from loaded("vgem")


def graphics(model: str, function: tuple[int, int], module: str) -> Iterator[None]:
    """The driver of a graphics card that QEMU has. It stays: the kernel warns when virtio-gpu
    goes (drm_mm_takedown(), seen on 7.3.4)."""
    if not any(each.id == function for each in pci.functions()):
        pytest.skip(f"no {model}: make survey has one, see tests/drivers/README.md")
    done = modules.run("modprobe", module)
    if done.returncode:
        pytest.skip(f"no module {module} for this kernel: {done.stderr.strip()}")
    yield


@pytest.fixture(scope="module")
def virtio_gpu() -> Iterator[None]:
    yield from graphics("virtio-gpu-pci", VIRTIO_GPU, "virtio-gpu")


@pytest.fixture(scope="module")
def bochs() -> Iterator[None]:
    yield from graphics("bochs-display", BOCHS, "bochs")


@pytest.fixture(scope="module")
def qxl() -> Iterator[None]:
    yield from graphics("qxl", QXL, "qxl")


@pytest.fixture(scope="module")
def vivid() -> Iterator[None]:
    """Two cameras: the first attaches and maps, the second one takes a vmap."""
    for _ in loaded("vivid", "n_devs=2", "allocators=1,0", "node_types=1,1"):
        text = ALLOCATORS.read_text(encoding="ascii")
        if not text.startswith("1,0"):
            pytest.skip(
                f"vivid is loaded with allocators={text.strip()}: modprobe -r it"
            )
        yield


@pytest.fixture
def second_camera(vivid: None) -> str:
    """Its node."""
    for device in CLASS.glob("video*"):
        if (device / "name").read_text(encoding="ascii") == "vivid-001-vid-cap\n":
            return f"/dev/{device.name}"
    pytest.fail("vivid has no second camera")
