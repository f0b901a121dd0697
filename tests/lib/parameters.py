# SPDX-License-Identifier: GPL-2.0-only
"""Parameters of the exporter that a test changes."""
from __future__ import annotations

from pathlib import Path

PARAMETERS = Path("/sys/module/dmabuf_revoke_exporter/parameters")


class Parameters:
    """Parameters of the exporter; back to what they were at the end."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}

    def __call__(self, name: str, value: int) -> None:
        path = PARAMETERS / name
        self._before.setdefault(name, path.read_text(encoding="ascii"))
        path.write_text(f"{value}\n", encoding="ascii")

    def restore(self) -> None:
        for name, value in self._before.items():
            (PARAMETERS / name).write_text(value, encoding="ascii")
