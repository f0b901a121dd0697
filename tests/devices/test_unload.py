# SPDX-License-Identifier: GPL-2.0-only
"""A function, and what it leaves, when the modules are to be unloaded."""
from __future__ import annotations

import errno
import os
from typing import Iterator

import pytest

from tests.gates.counts import MODULES
from tests.lib import ioctls, life
from tests.lib.modules import (
    EXPORTER,
    IMPORTER,
    load,
    load_what_is_missing,
    try_unload,
    unload,
)
from tests.lib.pci import Function

from .lib.function import DRIVER, attach, function

__all__ = ["function"]  # a fixture


@pytest.fixture(autouse=True)
def both_loaded() -> Iterator[None]:
    yield
    load_what_is_missing()


def test_function_is_given_back_and_taken_again(function: Function) -> None:
    function.bind(DRIVER)
    unload(IMPORTER)
    assert function.driver == ""
    load(IMPORTER)
    assert function.driver == DRIVER


def test_I9_what_a_function_leaves_keeps_the_modules_until_it_is_closed(
    function: Function,
) -> None:
    function.bind(DRIVER)
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(exporter, life.PAGE)
    attachment = attach(function, buffer.fd)
    life.map_it(attachment)
    function.unbind()
    os.close(buffer.fd)
    os.close(exporter)
    # The file, and by it the dma-buf.
    for name in MODULES:
        assert not try_unload(name)
    with pytest.raises(OSError) as refused:
        life.map_it(attachment)
    assert refused.value.errno == errno.ENODEV
    os.close(attachment)
    for name in (EXPORTER, IMPORTER):
        unload(name)


def test_I9_attachment_keeps_the_importer_with_its_function(function: Function) -> None:
    function.bind(DRIVER)
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(exporter, life.PAGE)
    attachment = attach(function, buffer.fd)
    assert not try_unload(IMPORTER)
    assert function.driver == DRIVER
    for fd in (attachment, buffer.fd, exporter):
        os.close(fd)
    unload(IMPORTER)
    assert function.driver == ""
