# SPDX-License-Identifier: GPL-2.0-only
"""The modules are asked to go while, and right after, their last user goes or comes."""
from __future__ import annotations

import errno
import os
import threading
import time
from itertools import count
from typing import Callable, Iterator

import pytest

from tests.gates.counts import MODULES, PATIENCE
from tests.lib import features, ioctls, life
from tests.lib.modules import (
    assert_both_work,
    load,
    load_what_is_missing,
    try_unload,
    until_unused,
    until_used,
)

from .sync_files import put_on

#: Rounds of what ends with both modules unloaded; in every other one the importer first.
ROUNDS = 6
#: Times, at least and at most, that a module is unloaded under a thread that uses it.
UNLOADS, UNLOADS_AT_MOST = 4, 100

LONG = 600 * 10**9


@pytest.fixture(autouse=True)
def both_loaded() -> Iterator[None]:
    """Whatever a test does, the next one finds both modules."""
    yield
    load_what_is_missing()


def close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def finished_revoke() -> None:
    """The worker of the exporter gives the memory back."""
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffers = [life.alloc(exporter, 1 << 20) for _ in range(4)]
    close(exporter, *(buffer.fd for buffer in buffers))


def blocked_revoke() -> None:
    """The last unmap, which is the attachment's, sets the worker going."""
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(exporter, 1 << 20, life.ACCEPT_LEGACY)
    attachment = life.attach_mapped(buffer.fd, life.LEGACY_STATIC)
    close(exporter, buffer.fd, attachment)


def fences_that_nobody_keeps() -> None:
    """They are freed after a grace period of RCU."""
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(exporter, life.PAGE)
    attachment = life.attach(buffer.fd)
    for _ in range(8):
        life.submit(attachment, LONG)
    close(attachment, buffer.fd, exporter)


def unmap_that_was_deferred() -> None:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(exporter, life.PAGE)
    attachment = life.attach(buffer.fd, flags=life.DEFER_UNMAP)
    life.submit(attachment, LONG)
    life.until_taken_up(attachment)
    close(exporter, buffer.fd, attachment)


def move_that_goes_on() -> None:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffer, other = (life.alloc(exporter, 1 << 20) for _ in range(2))
    attachment = life.attach(other.fd)
    fence = ioctls.submit_fence(attachment, LONG)
    put_on(buffer.fd, fence)
    with pytest.raises(TimeoutError):
        buffer.move(0)
    close(exporter, buffer.fd, other.fd, fence, attachment)


LAST_USES = (
    finished_revoke,
    blocked_revoke,
    fences_that_nobody_keeps,
    unmap_that_was_deferred,
    move_that_goes_on,
)


def unload_at_last(name: str) -> int:
    """Attempts that it took. Each failure but "in use" is an OSError."""
    deadline = time.monotonic() + PATIENCE
    for attempt in count(1):
        if try_unload(name):
            return attempt
        assert time.monotonic() < deadline, f"{name} is still in use"
    raise AssertionError


@pytest.mark.parametrize("use", LAST_USES, ids=[use.__name__ for use in LAST_USES])
def test_E17_unload_right_after(use: Callable[[], None]) -> None:
    for turn in range(ROUNDS):
        use()
        for name in MODULES if turn % 2 else reversed(MODULES):
            unload_at_last(name)
        for name in MODULES:
            load(name)
    assert_both_work()


class User(threading.Thread):
    """Opens, uses and closes, again and again; that a device is not there is no error."""

    def __init__(self, use: Callable[[], None]) -> None:
        super().__init__()
        self.done = 0
        self.failure: BaseException | None = None
        self._use = use
        self._stop_asked = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            try:
                self._use()
                self.done += 1
            except FileNotFoundError:
                pass  # No node: the module is not loaded.
            except OSError as error:
                if not is_gone(error):
                    self.failure = error
                    return

    def end(self) -> None:
        self._stop_asked.set()
        self.join(30)
        assert not self.is_alive()
        assert self.failure is None, self.failure


def is_gone(error: OSError) -> bool:
    """What open() says of a node whose driver is just going."""
    return error.errno in (errno.ENXIO, errno.ENODEV)


def open_and_close() -> None:
    close(ioctls.open_node(ioctls.EXPORTER))
    close(ioctls.open_node(ioctls.IMPORTER))


def attach_and_close() -> None:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    fds = [exporter]
    try:
        fds.append(life.alloc(exporter, life.PAGE).fd)
        fds.append(life.attach(fds[1]))
        life.submit(fds[2], LONG)
    finally:
        close(*fds)


def attach_close_and_wait() -> None:
    """The job's fence keeps the importer until RCU lets it go. Else it would never be free."""
    attach_and_close()
    until_unused("dmabuf_revoke_importer")


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("use", [open_and_close, attach_and_close])
def test_E17_unload_races_use(use: Callable[[], None], name: str) -> None:
    if use is attach_and_close and "FENCE_ALONE" in features.missing():
        use = attach_close_and_wait
    user = User(use)
    refused = unloads = 0
    try:
        # Both answers are to be given, or nothing was raced.
        while unloads < UNLOADS or not refused:
            # The wait below ends where a round of use does: then nobody is at it.
            if unloads % 2:
                until_used(name)
            refused += unload_at_last(name) - 1
            unloads += 1
            assert unloads < UNLOADS_AT_MOST, "never refused"
            load(name)
            before = user.done
            while user.done == before and user.is_alive():
                os.sched_yield()
    finally:
        user.end()
    assert user.done >= UNLOADS
    assert_both_work()
