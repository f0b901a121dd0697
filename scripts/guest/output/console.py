# SPDX-License-Identifier: GPL-2.0-only
"""What people see: progress on stderr, guests' output on stdout, never mixed within a line."""
from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO

_lock = threading.Lock()
_mid_line = False
# Of a line on stdout without an end, what is needed to come back to it; None: nobody knows.
_column: int | None = 0
# Shown below what was written last, on a terminal, where the cursor stays.
_status = ""
_ERASE = b"\x1b[J"


def in_place() -> bool:
    """Whether people look at stderr on a terminal that can take back what it shows."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _write(stream: BinaryIO, data: bytes) -> None:
    """Write and flush; the caller holds the lock."""
    try:
        stream.write(data)
        stream.flush()
    except BrokenPipeError:
        pass  # the reader has gone; the exit status still counts


def _draw() -> None:
    """Show the status. The caller holds the lock."""
    if not _status or not in_place():
        return
    width = os.get_terminal_size(sys.stderr.fileno()).columns
    text = _status[: width - 1]
    column = _column if sys.stdout.isatty() else 0
    if column is None or (column and column % width == 0):
        return
    if column:
        text = f"\n{text}\r\x1b[A\x1b[{column % width + 1}G"
    else:
        text = f"{text}\r"
    _write(sys.stderr.buffer, text.encode())


def _erase() -> None:
    if _status and in_place():
        _write(sys.stderr.buffer, _ERASE)


def _advance(data: bytes) -> None:
    """Know where stdout is after this."""
    global _mid_line, _column
    last = data.rpartition(b"\n")[2]
    before = 0 if b"\n" in data else _column
    text = last.decode(errors="replace")
    plain = before is not None and (text.isprintable() or not text)
    _column = before + len(text) if plain and before is not None else None
    _mid_line = not data.endswith(b"\n")


def _break_line() -> None:
    if _mid_line:
        _write(sys.stdout.buffer, b"\n")
        _advance(b"\n")


def _lines(stream: BinaryIO, text: str) -> None:
    with _lock:
        _erase()
        _break_line()
        _write(stream, (text.rstrip("\n") + "\n").encode())
        _draw()


def say(text: str) -> None:
    """One or more whole lines of progress or complaint on stderr."""
    _lines(sys.stderr.buffer, text)


def result(text: str) -> None:
    """One or more whole lines of a result on stdout."""
    _lines(sys.stdout.buffer, text)


def status(text: str) -> None:
    """What to show on a terminal below everything else, until told otherwise."""
    global _status
    with _lock:
        _erase()
        _status = text
        _draw()


class GuestStream:
    """A guest's output on stdout: bytes as they come, or prefixed whole lines."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix.encode()
        self._rest = b""

    def feed(self, data: bytes) -> None:
        if self._prefix:
            *lines, self._rest = (self._rest + data).split(b"\n")
            data = b"".join(self._prefix + line + b"\n" for line in lines)
        if data:
            with _lock:
                _erase()
                _write(sys.stdout.buffer, data)
                _advance(data)
                _draw()

    def close(self) -> None:
        """Give out a last line that has no end."""
        if self._rest:
            self.feed(b"\n")
