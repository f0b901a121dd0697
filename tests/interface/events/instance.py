# SPDX-License-Identifier: GPL-2.0-only
"""The modules' trace events, in an instance of tracefs that is ours alone."""
from __future__ import annotations

import os
import re
import select
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

from tests.lib import cpus
from tests.lib.outcome import PATIENCE

from .fields import EVENTS

TRACEFS = Path("/sys/kernel/tracing")
NAME = "dbr-tests"

#: task-pid, CPU, flags, time; then the event.
_LINE = re.compile(r"^.*?\s[\d.]+: (db[ri]_\w+): (.*)$")
_PAIR = re.compile(r"(\w+)=(.*?)(?= \w+=|$)")


class Event(NamedTuple):
    """One of ours, with its fields as text."""

    name: str
    fields: dict[str, str]

    def number(self, field: str) -> int:
        return int(self.fields[field], 0)

    def is_one(self, name: str, wanted: dict[str, object]) -> bool:
        return self.name == name and all(
            self.fields.get(field) == str(value) for field, value in wanted.items()
        )


def parse(line: str) -> Event | None:
    """None: it is no event, but says that some were lost, for example."""
    match = _LINE.match(line)
    return Event(match[1], dict(_PAIR.findall(match[2]))) if match else None


class Pipe:
    """What an instance's trace_pipe brings."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._fd = os.open(
            directory / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )
        self._rest = b""
        self.events: list[Event] = []

    def close(self) -> None:
        os.close(self._fd)

    def _read(self) -> bool:
        """Whether there was something."""
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode("ascii")
            assert "LOST" not in text, text
            if event := parse(text):
                self.events.append(event)
        return bool(data)

    def drain(self) -> list[Event]:
        """All so far."""
        while self._read():
            pass
        return self.events

    def clear(self) -> None:
        self.drain()
        self.events = []

    def of(self, name: str, **wanted: object) -> list[Event]:
        """Those of a name, and with these fields, so far."""
        return [event for event in self.drain() if event.is_one(name, wanted)]

    def until(self, name: str, **wanted: object) -> Event:
        """The first of these, as soon as it is there."""
        end = time.monotonic() + PATIENCE
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        while not (found := self.of(name, **wanted)):
            left = end - time.monotonic()
            assert left > 0, f"no {name} with {wanted} in {self.events}"
            poll.poll(left * 1000)
        return found[0]

    def one(self, name: str, **wanted: object) -> Event:
        """The only one of these, of what was done when this is called."""
        found = self.of(name, **wanted)
        assert len(found) == 1, f"{name} with {wanted}: {found} in {self.events}"
        return found[0]

    def names(self, *left_out: str) -> list[str]:
        """Of all, in their order."""
        return [event.name for event in self.drain() if event.name not in left_out]


def enable(directory: Path, system: str, on: bool) -> None:
    """Those of a module that has gone are off."""
    path = directory / "events" / system / "enable"
    if on or path.exists():
        path.write_text(f"{int(on)}", encoding="ascii")


@contextmanager
def instance() -> Iterator[Path]:
    """An instance without an event, that lets us see each at once, in the order they came."""
    if not (TRACEFS / "instances").is_dir():
        pytest.skip(f"no tracefs: mount -t tracefs tracefs {TRACEFS}")
    directory = TRACEFS / "instances" / NAME
    directory.mkdir()
    try:
        (directory / "trace_clock").write_text("counter", encoding="ascii")
        # Or poll() waits until so much of the buffer is full.
        (directory / "buffer_percent").write_text("0", encoding="ascii")
        yield directory
    finally:
        directory.rmdir()


@contextmanager
def tracing(*systems: str) -> Iterator[Pipe]:
    """All events of these, by default of both modules, on."""
    with cpus.only_one(), instance() as directory:
        pipe = Pipe(directory)
        try:
            for system in systems or EVENTS:
                enable(directory, system, True)
            yield pipe
        finally:
            for system in systems or EVENTS:
                enable(directory, system, False)
            pipe.close()
