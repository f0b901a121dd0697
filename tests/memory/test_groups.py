# SPDX-License-Identifier: GPL-2.0-only
"""Memory control groups: which one a buffer is charged to, and one that is full."""
from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from tests.lib import ioctls, life
from tests.lib.outcome import PATIENCE, deadline, ended, eventually, refused

MIB = 1 << 20


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
