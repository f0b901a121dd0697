# SPDX-License-Identifier: GPL-2.0-only
"""What people see: progress on stderr, guests' output on stdout, never mixed within a line."""
from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import BinaryIO, Iterator

_lock = threading.Lock()
_mid_line = False


def _write(stream: BinaryIO, data: bytes) -> None:
    """Write and flush; the caller holds the lock."""
    try:
        stream.write(data)
        stream.flush()
    except BrokenPipeError:
        pass  # the reader has gone; the exit status still counts


def _break_line() -> None:
    global _mid_line
    if _mid_line:
        _write(sys.stdout.buffer, b"\n")
        _mid_line = False


def say(text: str) -> None:
    """One or more whole lines of progress or complaint on stderr."""
    with _lock:
        _break_line()
        _write(sys.stderr.buffer, (text.rstrip("\n") + "\n").encode())


def result(text: str) -> None:
    """One or more whole lines of a result on stdout."""
    with _lock:
        _break_line()
        _write(sys.stdout.buffer, (text.rstrip("\n") + "\n").encode())


@contextmanager
def phase(name: str, what: str) -> Iterator[None]:
    """Report the block as one line with its seconds, once it has succeeded."""
    start = time.monotonic()
    yield
    say(f"[{name}] {what}: {time.monotonic() - start:.1f} s")


class GuestStream:
    """A guest's output on stdout: bytes as they come, or prefixed whole lines."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix.encode()
        self._rest = b""

    def feed(self, data: bytes) -> None:
        global _mid_line
        if self._prefix:
            *lines, self._rest = (self._rest + data).split(b"\n")
            data = b"".join(self._prefix + line + b"\n" for line in lines)
        if data:
            with _lock:
                _write(sys.stdout.buffer, data)
                _mid_line = not data.endswith(b"\n")

    def close(self) -> None:
        """Give out a last line that has no end."""
        if self._rest:
            self.feed(b"\n")
