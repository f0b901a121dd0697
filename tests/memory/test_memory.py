# SPDX-License-Identifier: GPL-2.0-only
"""Whom a buffer's memory is charged to, what bounds it, and what the log says of late revokes.

What needs module parameters or memory control groups is here; the rest of E10 and E11 is in
giveback.c and blockers.c.
"""
from __future__ import annotations

import ctypes
import errno
import os
import re
import select
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import pytest

from tests.gates.kernel_log import KMSG, read_records
from tests.lib import ioctls, life

MIB = 1 << 20
PARAMETERS = Path("/sys/module/dmabuf_revoke_exporter/parameters")
PATIENCE = 20.0
CLONE_NEWUSER = 1 << 28


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


@pytest.fixture
def set_parameter() -> Iterator[Parameters]:
    parameters = Parameters()
    yield parameters
    parameters.restore()


@pytest.fixture
def exporter() -> Iterator[int]:
    file = ioctls.open_node(ioctls.EXPORTER)
    yield file
    os.close(file)


def eventually(is_so: Callable[[], bool]) -> bool:
    """For what has no event to wait for."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.0002)
    return True


def in_time(limit: float, attempt: Callable[[], life.Buffer]) -> life.Buffer:
    """Repeats what means something only if it is over within so many seconds, until it is."""
    end = time.monotonic() + PATIENCE
    while True:
        began = time.monotonic()
        buffer = attempt()
        if time.monotonic() - began < limit:
            return buffer
        assert time.monotonic() < end, "this machine is too slow"


def refused(call: Callable[[], object]) -> int:
    """The errno that a call fails with; 0: it did not."""
    try:
        call()
    except OSError as error:
        return error.errno or -1
    return 0


def deadline(seconds: float) -> int:
    return time.monotonic_ns() + int(seconds * 10**9)


# --- limit_mb ---------------------------------------------------------------------------


def test_E14_move_needs_room_for_both_copies(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 5)
    buffer = life.alloc(exporter, 3 * MIB)
    assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.ENOMEM
    assert life.bytes_in_system() == 3 * MIB
    assert buffer.state() == life.STATE_LIVE
    set_parameter("limit_mb", 6)
    buffer.move(deadline(PATIENCE))
    assert eventually(lambda: life.bytes_in_system() == 3 * MIB)
    os.close(buffer.fd)


def test_E14_what_cannot_move_is_refused_before_memory_is_taken(
    exporter: int, set_parameter: Parameters
) -> None:
    """There is none for another copy, and none is needed to see why not."""
    set_parameter("limit_mb", 5)
    buffer = life.alloc(exporter, 3 * MIB)
    attachment = life.attach(buffer.fd, life.PINNED)
    assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.EBUSY
    os.close(attachment)
    assert buffer.revoke(life.FOREVER, suspend=True)
    assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.EBUSY
    assert buffer.revoke(life.FOREVER)
    assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.ENODEV
    quarantined = life.alloc(exporter, 3 * MIB, life.QUARANTINE)
    assert refused(lambda: quarantined.move(deadline(PATIENCE))) == errno.EOPNOTSUPP
    os.close(quarantined.fd)
    os.close(buffer.fd)


def test_E10_revoked_buffer_makes_room_below_the_limit(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 4)
    first = life.alloc(exporter, 4 * MIB)
    assert refused(lambda: life.alloc(exporter, 1)) == errno.ENOMEM
    assert first.revoke()
    second = life.alloc(exporter, 4 * MIB)
    os.close(first.fd)
    os.close(second.fd)


def test_limit_below_what_is_in_use_takes_nothing_away(
    exporter: int, set_parameter: Parameters
) -> None:
    buffer = life.alloc(exporter, 4 * MIB)
    set_parameter("limit_mb", 2)
    assert refused(lambda: life.alloc(exporter, 1)) == errno.ENOMEM
    assert buffer.state() == life.STATE_LIVE
    assert life.bytes_in_system() == 4 * MIB
    os.close(buffer.fd)


# --- a user's share of it ---------------------------------------------------------------

ALICE, BOB = 65534, 65533


@contextmanager
def user(uid: int) -> Iterator[None]:
    """What is within is done by this user, without capabilities."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def too_much(file: int, length: int) -> bool:
    return refused(lambda: life.alloc(file, length)) == errno.ENOMEM


def test_user_takes_half_of_the_limit_and_leaves_the_rest_to_others(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    with user(ALICE):
        buffers = [life.alloc(exporter, 3 * MIB)]
        assert too_much(exporter, MIB + 1)
        buffers.append(life.alloc(exporter, MIB))
        assert too_much(exporter, 1)
    with user(BOB):
        buffers.append(life.alloc(exporter, 3 * MIB))
    buffers.append(life.alloc(exporter, MIB))
    with user(BOB):
        # His share is not taken, but the limit is reached.
        assert too_much(exporter, 1)
    for buffer in buffers:
        os.close(buffer.fd)


def test_what_a_user_gives_back_is_his_again(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    with user(ALICE):
        for _ in range(3):
            buffers = [life.alloc(exporter, 2 * MIB) for _ in range(2)]
            assert too_much(exporter, 1)
            for buffer in buffers:
                assert buffer.revoke(deadline(PATIENCE))
                os.close(buffer.fd)
        # What did not come about is not counted either.
        assert too_much(exporter, 4 * MIB + 1)
        os.close(life.alloc(exporter, 4 * MIB).fd)


def test_user_takes_no_more_by_other_files_or_processes(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    other = ioctls.open_node(ioctls.EXPORTER)
    with user(ALICE):
        buffers = [life.alloc(file, 2 * MIB) for file in (exporter, other)]
        assert too_much(exporter, 1) and too_much(other, 1)
        child = os.fork()
        if not child:
            os._exit(refused(lambda: life.alloc(other, 1)))
        assert ended(child) == errno.ENOMEM
    # Whose the file is does not matter, but who calls.
    os.close(other)
    os.close(buffers[1].fd)
    with user(BOB):
        buffers[1] = life.alloc(exporter, 4 * MIB)
    for buffer in buffers:
        os.close(buffer.fd)


def test_E14_move_is_of_the_share_of_whoever_calls_it(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    with user(ALICE):
        buffer, more = (life.alloc(exporter, 2 * MIB) for _ in range(2))
        assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.ENOMEM
        assert more.revoke(deadline(PATIENCE))
        buffer.move(deadline(PATIENCE))
    assert eventually(lambda: life.bytes_in_system() == 2 * MIB)
    with user(ALICE):
        assert too_much(exporter, 2 * MIB + 1)
    buffer.move(deadline(PATIENCE))
    assert eventually(lambda: life.bytes_in_system() == 2 * MIB)
    with user(ALICE):
        # The copy is root's.
        whole = life.alloc(exporter, 4 * MIB)
    for each in (buffer, more, whole):
        os.close(each.fd)


def test_share_binds_without_CAP_SYS_RESOURCE_in_the_first_namespace(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    os.close(life.alloc(exporter, 8 * MIB).fd)
    for ident in life.ids(exporter):
        assert life.Buffer(exporter, ident, -1).revoke(deadline(PATIENCE))
    child = os.fork()
    if not child:
        # Root of its own namespace, with all capabilities there.
        ctypes.CDLL(None).unshare(CLONE_NEWUSER)
        os._exit(refused(lambda: life.alloc(exporter, 4 * MIB + 1)))
    assert ended(child) == errno.ENOMEM


# --- memory control groups --------------------------------------------------------------


class Group:
    """A memory control group of its own; version 2 of the interface."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> int:
        return int((self.path / name).read_text(encoding="ascii"))

    def event(self, name: str) -> int:
        text = (self.path / "memory.events").read_text(encoding="ascii")
        return int(dict(line.split() for line in text.splitlines())[name])

    def write(self, name: str, value: int) -> None:
        (self.path / name).write_text(str(value), encoding="ascii")

    def start(self, function: Callable[[], None]) -> int:
        """A child in the group that ends with 0 or the errno of what it ran into."""
        child = os.fork()
        if child:
            return child
        status = 255
        try:
            self.write("cgroup.procs", os.getpid())
            status = refused(function)
        finally:
            os._exit(status)

    def run(self, function: Callable[[], None]) -> int:
        """The same, to its end. Negative: the signal that killed it."""
        return ended(self.start(function))


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def group() -> Iterator[Group]:
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    roots = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    if not roots:
        pytest.skip("no cgroup2 is mounted")
    root = Path(roots[0])
    if "memory" not in (root / "cgroup.controllers").read_text().split():
        pytest.skip("no memory controller in cgroup2")
    (root / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
    path = root / f"dmabuf-revoke-test-{os.getpid()}"
    path.mkdir()
    yield Group(path)
    path.rmdir()


def test_E10_memory_is_charged_to_the_group_and_goes_back(
    exporter: int, group: Group
) -> None:
    before = group.read("memory.current")
    assert group.run(lambda: os.close(life.alloc(exporter, 32 * MIB).fd)) == 0
    # The buffer is ours, for it was made through our file; the charge is the child's.
    assert 32 * MIB <= group.read("memory.current") - before < 36 * MIB
    (ident,) = life.ids(exporter)
    assert life.Buffer(exporter, ident, -1).revoke()
    assert eventually(lambda: group.read("memory.current") - before < 2 * MIB)


def test_group_that_is_too_small_is_ENOMEM_and_nobody_is_killed(
    exporter: int, group: Group
) -> None:
    group.write("memory.max", 16 * MIB)
    for length in (64 * MIB, 17 * MIB, 200 * MIB):
        assert (
            group.run(lambda: os.close(life.alloc(exporter, length).fd)) == errno.ENOMEM
        )
        assert life.bytes_in_system() == 0
    assert group.event("oom_kill") == 0
    # What fits is there to be had all the same.
    assert group.run(lambda: os.close(life.alloc(exporter, 8 * MIB).fd)) == 0


def test_E14_move_in_a_group_that_is_too_small_is_ENOMEM(
    exporter: int, group: Group
) -> None:
    buffer = life.alloc(exporter, 32 * MIB)
    group.write("memory.max", 16 * MIB)
    assert group.run(lambda: buffer.move(deadline(PATIENCE))) == errno.ENOMEM
    assert life.bytes_in_system() == 32 * MIB
    assert group.event("oom_kill") == 0
    os.close(buffer.fd)


def test_fatal_signal_ends_a_huge_allocation(exporter: int, group: Group) -> None:
    length = min(ioctls.exporter_info(exporter)[2], 384 * MIB)
    assert length > 64 * MIB, "limit_mb is too small for this test"
    # The signal may come too late: then again.
    for _ in range(20):
        child = group.start(lambda: os.close(life.alloc(exporter, length).fd))
        assert eventually(lambda: group.read("memory.current") > 16 * MIB)
        os.kill(child, signal.SIGKILL)
        began = time.monotonic()
        assert ended(child) == -signal.SIGKILL
        assert time.monotonic() - began < PATIENCE
        if group.read("memory.peak") < length:
            break
        # It was through before the signal came: the buffer is ours now.
        for ident in life.ids(exporter):
            life.Buffer(exporter, ident, -1).revoke()
    else:
        pytest.fail("no allocation was cut short")
    assert eventually(lambda: life.bytes_in_system() == 0)
    assert group.event("oom_kill") == 0


# --- warn_ms ----------------------------------------------------------------------------


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
    buffer = life.alloc(exporter, 4096, life.ACCEPT_LEGACY)
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
        rf"\bbuffer {buffer.id}: mapped by dmabuf-revoke-importer \(cannot be told\)"
        r" for (\d+) ms"
    )
    (line,) = log.find(named, PATIENCE)
    assert int(line[1]) >= 20


def test_E11_fence_and_vmap_are_named_in_the_log(
    exporter: int, log: Log, set_parameter: Parameters
) -> None:
    buffer = life.alloc(exporter, 4096, life.ACCEPT_LEGACY)
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
    buffer = life.alloc(exporter, 4096, life.ACCEPT_LEGACY)
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
        buffer = life.alloc(exporter, 4096, life.ACCEPT_LEGACY)
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
    buffers = [life.alloc(exporter, 4096, life.ACCEPT_LEGACY) for _ in range(100)]
    attachments = [life.attach_mapped(b.fd, life.LEGACY_RDMA) for b in buffers]
    set_parameter("warn_ms", 20)
    began = time.monotonic()
    for buffer in buffers:
        assert not buffer.revoke()

    def is_logged_again() -> bool:
        """Once the first have been forgotten a late one is logged; that ends the wait."""
        buffers.append(life.alloc(exporter, 4096, life.ACCEPT_LEGACY))
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
    buffer = life.alloc(file, 4096, life.ACCEPT_LEGACY)
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
        buffer = life.alloc(file, 4096, life.ACCEPT_LEGACY)
        attachment = life.attach_mapped(buffer.fd, life.LEGACY_STATIC)
        os.close(file)
        os.close(buffer.fd)
        os.close(attachment)
        assert eventually(lambda: life.bytes_in_system() == 0)
        return buffer

    assert not log.find(late(in_time(0.5, attempt)), 1)
