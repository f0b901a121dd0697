# SPDX-License-Identifier: GPL-2.0-only
"""Where long work is, and how long it will still take.

On a terminal one line shows all that is running, in place. A log gets a line of each part now
and then. What is left is told by what the same part took last time.
"""
from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from typing import Callable, Iterator

from . import console, history

#: Seconds between two pictures on a terminal, and between two lines of a part in a log.
REFRESH = 1.0
EVERY = 60.0


def duration(seconds: float) -> str:
    """As people say it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def left(took: float, elapsed: float, share: float) -> float:
    """Seconds left of what took so long last time, with this share of its steps done.

    The further it has come, the more its own pace counts. Without steps the share is 0.
    """
    if not share:
        return took - elapsed
    return (1 - share) * ((1 - share) * took + elapsed)


class Part:
    """Something that is running. Who counts its steps changes ``done``, and may ``total``."""

    def __init__(self, name: str, what: str, detail: str = "") -> None:
        self.title = f"[{name}] {what}"
        self.key = f"{self.title} {detail}".rstrip()
        self.last = history.last(self.key)
        self.total = self.last.steps if self.last else 0
        self.done = 0
        self.start = self.said = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self.start

    def counter(self, pattern: re.Pattern[str]) -> Callable[[str], bool]:
        """Counts the lines that begin so as steps; for process.run()."""

        def step(line: str) -> bool:
            matched = bool(pattern.match(line))
            self.done += matched
            return matched

        return step

    def _left(self) -> str:
        if not self.last:
            return "time left unknown"
        share = min(1.0, self.done / self.total) if self.total else 0.0
        rest = left(self.last.seconds, self.seconds(), share)
        if rest < 0:
            return f"longer than last time ({duration(self.last.seconds)})"
        return f"{duration(rest)} left"

    def text(self) -> str:
        """Where it is."""
        steps = ""
        if self.done:
            # Last time it may have been less.
            steps = f"{self.done} of {self.total}, " if self.total >= self.done else ""
            steps = steps or f"{self.done} so far, "
        return f"{self.title}: {steps}{self._left()}"


class _Board:
    """All parts that are running, and the thread that shows them."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, part: Part) -> None:
        with self._changed:
            self._parts.append(part)
            if not self._thread:
                self._thread = threading.Thread(target=self._loop, daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, part: Part) -> None:
        with self._changed:
            self._parts.remove(part)
            self._show()

    def _show(self) -> None:
        """The caller holds the lock."""
        if console.in_place():
            console.status(" | ".join(part.text() for part in self._parts))
            return
        now = time.monotonic()
        for part in self._parts:
            if now - part.said >= EVERY:
                part.said = now
                console.say(part.text())

    def _loop(self) -> None:
        with self._changed:
            while True:
                self._show()
                self._changed.wait(REFRESH if self._parts else None)


_board = _Board()


def begin(name: str, what: str, detail: str = "") -> Part:
    """Show a part from now on, until end(). ``detail``: what else tells it from others."""
    part = Part(name, what, detail)
    _board.add(part)
    return part


def end(part: Part, keep: bool) -> None:
    """Show it no more. ``keep``: what it took will be true of the next time."""
    _board.remove(part)
    if keep:
        history.keep(part.key, history.Took(part.seconds(), part.done))


@contextmanager
def running(name: str, what: str, detail: str = "") -> Iterator[Part]:
    """Show the block while it runs, and keep what it took if it succeeds."""
    part = begin(name, what, detail)
    try:
        yield part
    except BaseException:
        end(part, keep=False)
        raise
    end(part, keep=True)


@contextmanager
def phase(name: str, what: str) -> Iterator[Part]:
    """The same, with a line of its seconds once it has succeeded."""
    with running(name, what) as part:
        yield part
    console.say(f"[{name}] {what}: {part.seconds():.1f} s")
