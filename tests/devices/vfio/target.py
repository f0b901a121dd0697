# SPDX-License-Identifier: GPL-2.0-only
"""Two pages of a BAR as a dma-buf, and an attachment to it that does DMA there."""
from __future__ import annotations

import os
import random
from contextlib import contextmanager
from typing import Iterator, NamedTuple

from tests.devices.lib.function import PEER2PEER, attach
from tests.lib import life, pci
from tests.lib.life import PAGE

from .bar import Bar

#: In the BAR; what is around it is not the buffer's, and is something else.
START, LENGTH = PAGE, 2 * PAGE


class Target(NamedTuple):
    """A part of the BAR, and an attachment to it."""

    bar: Bar
    attachment: int

    def do(self, **job: int) -> life.Result:
        """A job, to its end; it has to do well."""
        result = life.result(self.attachment, life.submit(self.attachment, **job))
        assert result.status == 0
        return result

    def there(self, offset: int = 0, length: int = LENGTH) -> bytes:
        """As vfio-pci has it, for a CPU."""
        return self.bar.read(length, START + offset)

    def surroundings(self) -> bytes:
        """The buffer, and a page on either side."""
        return self.bar.read(LENGTH + 2 * PAGE, START - PAGE)


@contextmanager
def attached(bar: Bar, function: pci.Function, engine: int) -> Iterator[Target]:
    """By the importer that drives the function. It is filled with what does not repeat."""
    bar.write(random.Random(engine).randbytes(LENGTH + 2 * PAGE), START - PAGE)
    dmabuf = bar.export(LENGTH, START)
    attachment = attach(function, dmabuf, life.DYNAMIC, PEER2PEER, engine)
    os.close(dmabuf)
    try:
        yield Target(bar, attachment)
    finally:
        os.close(attachment)
