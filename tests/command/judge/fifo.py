# SPDX-License-Identifier: GPL-2.0-only
"""By which a program says that it has come somewhere."""
from __future__ import annotations

import os
import select
from pathlib import Path

from ..run import SOON


class Fifo:
    """By which a program says something, once; it is waited for."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "said"

    def __enter__(self) -> Fifo:
        os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def line(self) -> str:
        assert select.select([self._fd], [], [], SOON)[0], "it says nothing"
        return os.read(self._fd, 64).decode()
