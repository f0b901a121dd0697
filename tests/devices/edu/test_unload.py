# SPDX-License-Identifier: GPL-2.0-only
"""Who stays loaded for whom: the importer, and the driver whose channel an attachment has."""
from __future__ import annotations

import errno
import os
from typing import Iterator

import pytest

from tests.devices.lib.function import DMAENGINE, attach
from tests.lib import ioctls, life, pci
from tests.lib.modules import (
    IMPORTER,
    is_loaded,
    load,
    load_what_is_missing,
    run,
    try_unload,
    unload,
)

PROVIDER = "dbr_edu"


@pytest.fixture(autouse=True)
def all_loaded() -> Iterator[None]:
    yield
    load_what_is_missing()
    if not is_loaded(PROVIDER):
        run("modprobe", PROVIDER)


@pytest.fixture
def buffer() -> Iterator[life.Buffer]:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    there = life.alloc(exporter, life.PAGE)
    yield there
    os.close(there.fd)
    os.close(exporter)


def test_channel_in_use_keeps_its_driver(
    engine: pci.Function, buffer: life.Buffer
) -> None:
    attachment = attach(engine, buffer.fd, engine=DMAENGINE)
    assert not try_unload(PROVIDER)
    assert not try_unload(IMPORTER)
    os.close(attachment)
    unload(PROVIDER)
    with pytest.raises(OSError) as refused:
        attach(engine, buffer.fd, engine=DMAENGINE)
    assert refused.value.errno == errno.ENODEV


def test_importer_forgets_whom_it_knew(
    engine: pci.Function, buffer: life.Buffer
) -> None:
    os.close(attach(engine, buffer.fd, engine=DMAENGINE))
    unload(IMPORTER)
    engine.unbind()
    engine.bind(PROVIDER)
    load(IMPORTER)
    os.close(attach(engine, buffer.fd, engine=DMAENGINE))
    # It is there without having been asked for.
    unload(IMPORTER)
    load(IMPORTER)
    engine.unbind()
