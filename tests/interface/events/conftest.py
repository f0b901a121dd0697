# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of trace events share."""
from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Iterator

import pytest

from tests.lib import ioctls, life, modules

from .instance import Pipe, tracing


@pytest.fixture(scope="module")
def everything() -> Iterator[Pipe]:
    """All events of both, on for the whole module: each time text is patched."""
    modules.load_what_is_missing()
    with tracing() as pipe:
        yield pipe


@pytest.fixture
def trace(everything: Pipe) -> Pipe:
    """What happens from now on."""
    everything.clear()
    return everything


class World:
    """Buffers and attachments, closed at the end, the last one first."""

    def __init__(self, undo: ExitStack) -> None:
        self._undo = undo
        self._open: set[int] = set()
        self.exporter = self._keep(ioctls.open_node(ioctls.EXPORTER))

    def _keep(self, fd: int) -> int:
        self._open.add(fd)
        self._undo.callback(self.close, fd)
        return fd

    def close(self, fd: int) -> None:
        if fd in self._open:
            self._open.remove(fd)
            os.close(fd)

    def buffer(
        self, length: int = 2 * life.PAGE, flags: int = 0, faults: int = 0
    ) -> life.Buffer:
        buffer = life.alloc(self.exporter, length, flags, faults)
        self._keep(buffer.fd)
        return buffer

    def export(self, buffer: life.Buffer) -> int:
        return self._keep(buffer.export())

    def attachment(
        self,
        buffer: life.Buffer,
        kind: int = life.DYNAMIC,
        flags: int = 0,
        misbehave: int = 0,
        delay_ns: int = 0,
    ) -> int:
        return self._keep(life.attach(buffer.fd, kind, flags, misbehave, delay_ns))


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as undo:
        yield World(undo)
