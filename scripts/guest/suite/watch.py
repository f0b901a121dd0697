# SPDX-License-Identifier: GPL-2.0-only
"""How far a pytest has come, by what it prints."""
from __future__ import annotations

import re

from ..output import progress
from ..output.console import GuestStream

_COLLECTED = re.compile(r"collected (\d+) items?(?: / (\d+) deselected)?")
# A module with a letter for each case that has ended, or the rest of such a line.
_CASES = re.compile(r"(?:\S+\.\w+ )?([.FEsxX]+)(?: +\[ *\d+%\])?")
_CLOSING = re.compile(r"=+ .*\b(passed|failed|skipped|deselected|errors?)\b.* =+")


class Watch:
    """Passes output on to ``stream``, and shows how far the suite called ``name`` has come.

    ``choice`` is what tells one suite from another that takes another time.
    """

    def __init__(self, name: str, stream: GuestStream, choice: str) -> None:
        self._name, self._choice = name, choice
        self._stream = stream
        self._part: progress.Part | None = None  # before there is output, others build
        self._line = b""
        self._before = 0  # cases of whole lines
        self._collected = self._closed = False

    def __enter__(self) -> Watch:
        return self

    def feed(self, data: bytes) -> None:
        self._stream.feed(data)
        if not self._part:
            self._part = progress.begin(self._name, "suite", self._choice)
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._before += self._read(line, self._part)
        self._part.done = self._before + self._read(self._line, self._part)

    def _read(self, line: bytes, part: progress.Part) -> int:
        """The cases in a line, which may go on."""
        text = line.decode(errors="replace").rstrip("\r")
        if found := _COLLECTED.match(text):
            self._collected = True
            part.total = int(found[1]) - int(found[2] or 0)
        elif _CLOSING.fullmatch(text):
            self._closed = True
        elif found := _CASES.fullmatch(text):
            return len(found[1]) if self._collected and not self._closed else 0
        return 0

    def __exit__(self, *error: object) -> None:
        """Give out what is left of the output; keep what a suite that has ended took."""
        self._stream.close()
        if self._part:
            progress.end(self._part, keep=self._closed)
