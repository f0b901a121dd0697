# SPDX-License-Identifier: GPL-2.0-only
"""vfio-pci's dma-buf, which is revoked in earnest, and our importer."""
from __future__ import annotations

import errno
import os
from typing import Iterator

import pytest

from tests.lib import life, pci
from tests.lib.life import PAGE

from .bar import Bar

KINDS = [life.DYNAMIC, life.PINNED, life.LEGACY_STATIC, life.LEGACY_RDMA]


@pytest.fixture
def dmabuf(bar: Bar) -> Iterator[int]:
    fd = bar.export(PAGE)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("kind", KINDS)
def test_importer_without_peer_to_peer_is_refused(dmabuf: int, kind: int) -> None:
    with pytest.raises(OSError) as refusal:
        life.attach(dmabuf, kind)
    assert refusal.value.errno == errno.EOPNOTSUPP


def test_bar_is_off_while_it_is_revoked(bar: Bar, dmabuf: int) -> None:
    bar.write(b"here")
    bar.revoke()
    assert not bar.is_on
    with pytest.raises(OSError) as refusal:
        bar.read(4)
    assert refusal.value.errno == errno.EIO
    bar.restore()
    assert bar.is_on
    assert bar.read(4) == b"here"


def test_reset_leaves_it_on(function: pci.Function, bar: Bar, dmabuf: int) -> None:
    if not function.can_be_reset:
        pytest.skip(
            "a function is reset by the root port that it is behind: it has none"
        )
    bar.write(b"here")
    bar.reset()
    assert bar.is_on
    assert bar.read(4) == b"here"


def test_device_that_is_closed_leaves_a_husk(bar: Bar, dmabuf: int) -> None:
    size = os.lseek(dmabuf, 0, os.SEEK_END)
    bar.close()
    assert os.lseek(dmabuf, 0, os.SEEK_END) == size == PAGE
