# SPDX-License-Identifier: GPL-2.0-only
"""E11: what the log says of a revoke that is late. BLOCKERS says it too: blockers.c."""
from __future__ import annotations

import os
import re
import select
import time
from typing import Iterator

import pytest

from tests.gates.kernel_log import KMSG, read_records
from tests.lib import ioctls, life
from tests.lib.outcome import PATIENCE, deadline, eventually, in_time
from tests.lib.parameters import Parameters


class Log:
    """What the kernel has logged since."""

    def __init__(self) -> None:
        self._fd = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._fd, 0, os.SEEK_END)
        self.lines: list[str] = []

    def close(self) -> None:
        os.close(self._fd)

    def find(self, pattern: str, seconds: float) -> list[re.Match[str]]:
        """All lines so far that match, as soon as there is one; none after that time."""
        end = time.monotonic() + seconds
        while True:
            self.lines += read_records(self._fd)[0]
            found = [m for m in (re.search(pattern, line) for line in self.lines) if m]
            left = end - time.monotonic()
            if found or left <= 0:
                return found
            select.select([self._fd], [], [], left)


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    yield log
    log.close()


@pytest.fixture
def held_up(exporter: int) -> Iterator[tuple[life.Buffer, int]]:
    """A buffer, and an attachment that maps it until told otherwise."""
    buffer = life.alloc(exporter, life.PAGE, life.ACCEPT_LEGACY)
    attachment = life.attach_mapped(buffer.fd, life.LEGACY_RDMA)
    yield buffer, attachment
    os.close(attachment)
    os.close(buffer.fd)


def late(buffer: life.Buffer) -> str:
    return (
        rf"\bbuffer {buffer.id}: the revoke waits for (\d+) ms now, for (\d+) blockers"
    )


HeldUp = tuple[life.Buffer, int]


def test_E11_late_revoke_is_logged_once(
    held_up: HeldUp, log: Log, set_parameter: Parameters
) -> None:
    buffer, attachment = held_up
    set_parameter("warn_ms", 50)
    assert not buffer.revoke()
    (line,) = log.find(late(buffer), PATIENCE)
    assert int(line[1]) >= 50
    assert int(line[2]) == 1
    # Waiting on does not bring it again, nor does asking again.
    assert not buffer.revoke(deadline(0.2))
    assert not buffer.revoke(deadline(0.2))
    life.unmap(attachment)
    assert buffer.revoke(deadline(PATIENCE))
    assert len(log.find(late(buffer), 0)) == 1


def test_E11_mapping_is_named_in_the_log(
    held_up: HeldUp, log: Log, set_parameter: Parameters
) -> None:
    buffer, _ = held_up
    set_parameter("warn_ms", 20)
    assert not buffer.revoke()
    named = (
        rf"\bbuffer {buffer.id}: mapped by dmabuf-revoke-importer \(not revocable\)"
        r" for (\d+) ms"
    )
    (line,) = log.find(named, PATIENCE)
    assert int(line[1]) >= 20


def test_E11_fence_and_vmap_are_named_in_the_log(
    exporter: int, log: Log, set_parameter: Parameters
) -> None:
    buffer = life.alloc(exporter, life.PAGE, life.ACCEPT_LEGACY)
    attachment = life.attach_mapped(buffer.fd, life.LEGACY_STATIC)
    life.submit(attachment, 600 * 10**9)
    life.vmap(attachment)
    set_parameter("warn_ms", 20)
    assert not buffer.revoke()
    assert log.find(rf"\bbuffer {buffer.id}: vmapped for \d+ ms", PATIENCE)
    fence = (
        rf"\bbuffer {buffer.id}: fence \d+:1 of dmabuf-revoke-importer, legacy-static"
    )
    assert len(log.find(fence, 0)) == 1
    os.close(attachment)
    os.close(buffer.fd)


def test_E11_no_more_than_four_blockers_are_named(
    exporter: int, log: Log, set_parameter: Parameters
) -> None:
    buffer = life.alloc(exporter, life.PAGE, life.ACCEPT_LEGACY)
    attachments = [life.attach_mapped(buffer.fd, life.LEGACY_STATIC) for _ in range(6)]
    set_parameter("warn_ms", 20)
    assert not buffer.revoke()
    (line,) = log.find(late(buffer), PATIENCE)
    assert int(line[2]) == 6
    assert not buffer.revoke(deadline(0.1))
    assert len(log.find(rf"\bbuffer {buffer.id}: mapped by", 0)) == 4
    for attachment in attachments:
        os.close(attachment)
    os.close(buffer.fd)


def test_E11_revoke_that_ended_earlier_is_not_logged(
    exporter: int, log: Log, set_parameter: Parameters
) -> None:
    set_parameter("warn_ms", 1000)

    def attempt() -> life.Buffer:
        buffer = life.alloc(exporter, life.PAGE, life.ACCEPT_LEGACY)
        attachment = life.attach_mapped(buffer.fd, life.LEGACY_RDMA)
        assert not buffer.revoke()
        life.unmap(attachment)
        assert buffer.revoke(deadline(PATIENCE))
        os.close(attachment)
        os.close(buffer.fd)
        return buffer

    assert not log.find(late(in_time(1, attempt)), 1.5)


@pytest.mark.parametrize("before", [0, 500])
def test_E11_nothing_is_logged_with_0(
    held_up: HeldUp, log: Log, set_parameter: Parameters, before: int
) -> None:
    """Nor if it has been something else when the revoke began."""
    buffer, _ = held_up
    set_parameter("warn_ms", before)
    assert not buffer.revoke()
    set_parameter("warn_ms", 0)
    assert not buffer.revoke(deadline(1.5))
    assert not log.find(late(buffer), 0)


def test_E11_time_that_was_raised_counts_from_the_beginning(
    held_up: HeldUp, log: Log, set_parameter: Parameters
) -> None:
    """Whoever armed the warning for 8 s looks again at 9 s, and not at 17."""
    buffer, _ = held_up
    set_parameter("warn_ms", 8000)
    assert not buffer.revoke()
    set_parameter("warn_ms", 9000)
    (line,) = log.find(late(buffer), 8 + PATIENCE)
    assert 9000 <= int(line[1]) < 16000


def test_E11_E15_late_suspension_is_logged_once(
    held_up: HeldUp, log: Log, set_parameter: Parameters
) -> None:
    buffer, _ = held_up
    set_parameter("warn_ms", 20)
    assert not buffer.revoke(suspend=True)
    assert log.find(late(buffer), PATIENCE)
    assert not buffer.revoke(deadline(0.1), suspend=True)
    assert len(log.find(late(buffer), 0)) == 1


def test_E11_E15_revoke_of_a_suspension_counts_anew(
    held_up: HeldUp, log: Log, set_parameter: Parameters
) -> None:
    buffer, _ = held_up
    set_parameter("warn_ms", 600_000)
    assert not buffer.revoke(suspend=True)
    set_parameter("warn_ms", 20)
    assert not buffer.revoke()
    assert len(log.find(late(buffer), PATIENCE)) == 1


def test_E11_many_late_revokes_do_not_flood_the_log(
    exporter: int, log: Log, set_parameter: Parameters
) -> None:
    buffers = [life.alloc(exporter, life.PAGE, life.ACCEPT_LEGACY) for _ in range(100)]
    attachments = [life.attach_mapped(b.fd, life.LEGACY_RDMA) for b in buffers]
    set_parameter("warn_ms", 20)
    began = time.monotonic()
    for buffer in buffers:
        assert not buffer.revoke()

    def is_logged_again() -> bool:
        """Once the first have been forgotten a late one is logged; that ends the wait."""
        buffers.append(life.alloc(exporter, life.PAGE, life.ACCEPT_LEGACY))
        attachments.append(life.attach_mapped(buffers[-1].fd, life.LEGACY_RDMA))
        assert not buffers[-1].revoke()
        return bool(log.find(late(buffers[-1]), 0.5))

    assert eventually(is_logged_again)
    # 10 in 5 s, as with all messages that are limited.
    most = 10 * (2 + (time.monotonic() - began) // 5)
    lines = log.find(r"\bbuffer \d+: the revoke waits", 0)
    assert len(lines) <= most < len(buffers)
    # What is not said is not explained either.
    assert len(log.find(r"\bbuffer \d+: mapped by", 0)) == len(lines)
    for fd in (*attachments, *(buffer.fd for buffer in buffers)):
        os.close(fd)


def test_E11_E13_orphan_is_logged(log: Log, set_parameter: Parameters) -> None:
    file = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(file, life.PAGE, life.ACCEPT_LEGACY)
    attachment = life.attach_mapped(buffer.fd, life.LEGACY_STATIC)
    set_parameter("warn_ms", 20)
    os.close(file)
    os.close(buffer.fd)
    assert log.find(late(buffer), PATIENCE)
    os.close(attachment)


def test_E11_orphan_that_went_before_is_not_logged(
    log: Log, set_parameter: Parameters
) -> None:
    """Whatever is armed for the warning must not keep the buffer, nor outlive it."""
    set_parameter("warn_ms", 500)

    def attempt() -> life.Buffer:
        file = ioctls.open_node(ioctls.EXPORTER)
        buffer = life.alloc(file, life.PAGE, life.ACCEPT_LEGACY)
        attachment = life.attach_mapped(buffer.fd, life.LEGACY_STATIC)
        os.close(file)
        os.close(buffer.fd)
        os.close(attachment)
        assert eventually(lambda: life.bytes_in_system() == 0)
        return buffer

    assert not log.find(late(in_time(0.5, attempt)), 1)
