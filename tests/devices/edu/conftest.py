# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's edu with the driver that makes a DMA engine of it."""
from __future__ import annotations

from typing import Iterator

import pytest

from tests.lib import modules, pci

from .machine import MODULES, NODE, spare


@pytest.fixture(scope="module")
def loaded() -> Iterator[None]:
    for name in MODULES:
        modules.run("modprobe", "-q", name)
    if not NODE.exists():
        pytest.skip(
            f"no {NODE}: build and load the modules of tests/devices/edu, "
            "on a kernel with CONFIG_DMA_ENGINE"
        )
    yield
    for name in reversed(MODULES):
        modules.unload(name)


@pytest.fixture
def edu(loaded: None) -> pci.Function:
    return spare(1)[0]


@pytest.fixture
def engine(edu: pci.Function) -> Iterator[pci.Function]:
    with edu.driven_by("dbr_edu"):
        yield edu
