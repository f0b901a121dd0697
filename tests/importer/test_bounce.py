# SPDX-License-Identifier: GPL-2.0-only
"""Where all DMA is bounced (swiotlb=force), that of the importer's own device is not."""
from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lib import ioctls, life

#: Slots of the pool that are in use.
USED = Path("/sys/kernel/debug/swiotlb/io_tlb_used")
#: More than one mapping can bounce.
LENGTH = 4 << 20


def used() -> int:
    return int(USED.read_text(encoding="ascii"))


@pytest.mark.parametrize(
    "kind", [life.DYNAMIC, life.PINNED, life.LEGACY_STATIC, life.LEGACY_RDMA]
)
def test_own_device_bounces_nothing(kind: int) -> None:
    words = Path("/proc/cmdline").read_text(encoding="ascii")
    if not re.search(r"\bswiotlb=\S*\bforce\b", words):
        pytest.skip("DMA is not bounced here: the guest 7.3-swiotlb has swiotlb=force")
    with ExitStack() as stack:

        def hold(fd: int) -> int:
            stack.callback(os.close, fd)
            return fd

        exporter = hold(ioctls.open_node(ioctls.EXPORTER))
        buffer = life.alloc(exporter, LENGTH, life.ACCEPT_LEGACY)
        hold(buffer.fd)
        before = used()
        attachment = hold(life.attach(buffer.fd, kind))
        life.map_it(attachment)
        assert used() == before
        life.submit(attachment, 0)
        assert life.wait(attachment, 1, life.FOREVER) == 0
