# SPDX-License-Identifier: GPL-2.0-only
"""The drivers that the programs are for, loaded while a module of tests needs them."""
from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Iterator

import pytest

from tests.lib import modules, pci

VIRTIO_GPU = (0x1AF4, 0x1050)
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


@pytest.fixture(scope="module")
def virtio_gpu() -> Iterator[None]:
    if not any(each.id == VIRTIO_GPU for each in pci.functions()):
        pytest.skip("no virtio-gpu: see tests/drivers/README.md")
    yield from loaded("virtio-gpu")


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
