# SPDX-License-Identifier: GPL-2.0-only
"""Moments of fences, and of those who wait: for a fence, an event, the end of a call."""
from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Callable

from tests.gates.counts import BUFINFO
from tests.lib import life
from tests.lib.foreign import heap_buffer

from .moment import (
    begin_move,
    CANCELLED,
    legacy_mapped,
    LONG,
    moment,
    to_be_moved,
    variants,
)
from .stage import Stage
from .sync_files import assert_answers, exported


@moment("attached, job running")
def job_running(s: Stage) -> None:
    attachment = s.attach(s.buffer().fd)
    fence = s.fence(attachment, LONG)
    s.keep(s.exporter, attachment, fence)
    s.checks.append(lambda: assert_answers(fence, 0))


def _only_sync_file(s: Stage, choice: int) -> None:
    attachment = s.attach(s.buffer().fd)
    fence = s.fence(attachment, LONG if choice < 0 else 0)
    if choice > 0:
        assert life.wait(attachment, 1, life.FOREVER) == 0
    s.keep(fence)
    s.checks.append(lambda: assert_answers(fence, choice))


variants(
    _only_sync_file,
    {"only a sync_file, cancelled": CANCELLED, "only a sync_file, signalled": 1},
)


@moment("only a sync_file of the dma-buf")
def only_exported_sync_file(s: Stage) -> None:
    buffer = s.buffer()
    s.fence(s.attach(buffer.fd), LONG)
    fence = s.hold(exported(buffer.fd))
    s.keep(fence)
    s.checks.append(lambda: assert_answers(fence, CANCELLED))


@moment("only a sync_file of a move")
def only_sync_file_of_a_move(s: Stage) -> None:
    """Its fence is the exporter's, and the sync_file is older than the move's end."""
    buffer, _ = to_be_moved(s)
    begin_move(buffer)
    fence = s.hold(exported(buffer.fd))
    s.keep(fence)
    # The job's fence and the move's. Both are over soon.
    assert select.select([fence], [], [], 30)[0]
    s.checks.append(lambda: assert_answers(fence, CANCELLED, 1))


def _left_in(s: Stage, choice: Callable[[], int] | None) -> None:
    """On the dma_resv of a buffer, by an attachment that is closed."""
    dmabuf = s.buffer().fd if choice is None else s.hold(choice())
    s.fence(s.attach(dmabuf), LONG)
    s.keep(dmabuf)

    def check() -> None:
        assert select.select([dmabuf], [dmabuf], [], 0)[:2] == ([dmabuf], [dmabuf])
        fdinfo = Path(f"/proc/self/fdinfo/{dmabuf}").read_text(encoding="ascii")
        assert "exp_name" in fdinfo
        if BUFINFO.exists():  # Names the fences that have not signalled.
            assert "Attached Devices" in BUFINFO.read_text(encoding="ascii")
        fence = exported(dmabuf)
        assert_answers(fence, 1)
        os.close(fence)

    s.checks.append(check)


variants(
    _left_in,
    {
        "only a dma-buf with an old fence": None,
        "only a heap's dma-buf with an old fence": heap_buffer,
    },
)


# Those who wait. Every descriptor is closed but for what the wait is about.


def _wait_for(fd: int, events: int) -> Callable[[], object]:
    poller = select.poll()
    poller.register(fd, events)
    return poller.poll


@moment("poll of a dma-buf")
def poll_of_dma_buf(s: Stage) -> None:
    buffer = s.buffer()
    attachment = s.attach(buffer.fd, misbehave=life.STUCK_FENCE)
    s.lasting_fence(attachment, 0)
    s.block(_wait_for(buffer.fd, select.POLLOUT))
    s.keep(attachment)


@moment("poll of a sync_file")
def poll_of_sync_file(s: Stage) -> None:
    attachment = s.attach(s.buffer().fd, misbehave=life.STUCK_FENCE)
    s.block(_wait_for(s.lasting_fence(attachment, 0), select.POLLIN))
    s.keep(attachment)


@moment("poll of an attachment")
def poll_of_attachment(s: Stage) -> None:
    attachment = s.attach(s.buffer().fd)
    s.block(_wait_for(attachment, select.POLLIN))
    s.keep(s.exporter)


@moment("only an epoll")
def epoll_without_files(s: Stage) -> None:
    """A job's dma-buf, sync_file and attachment were registered, and are closed."""
    buffer = s.buffer()
    attachment = s.attach(buffer.fd)
    fence = s.fence(attachment, LONG)
    epoll = select.epoll()
    s.undo.callback(epoll.close)
    for fd in (buffer.fd, attachment, fence):
        epoll.register(fd, select.EPOLLIN | select.EPOLLOUT)
    s.keep()


@moment("read of events")
def read_of_events(s: Stage) -> None:
    attachment = s.attach(s.buffer().fd)
    s.block(lambda: os.read(attachment, 64))
    s.keep(s.exporter)


@moment("blocked in REVOKE")
def call_REVOKE(s: Stage) -> None:
    buffer, attachment = legacy_mapped(s)
    s.block(lambda: buffer.revoke(life.FOREVER))
    s.keep(attachment)


@moment("blocked in RESTORE")
def call_RESTORE(s: Stage) -> None:
    buffer, attachment = legacy_mapped(s)
    assert not buffer.revoke(suspend=True)
    s.block(lambda: buffer.restore(life.FOREVER))
    s.keep(s.exporter, attachment)


@moment("blocked in MOVE")
def call_MOVE(s: Stage) -> None:
    buffer, attachment = to_be_moved(s)
    s.block(lambda: buffer.move(life.FOREVER))
    s.keep(attachment)


@moment("blocked in WAIT")
def call_WAIT(s: Stage) -> None:
    attachment = s.attach(s.buffer().fd)
    job = life.submit(attachment, LONG)
    s.block(lambda: life.wait(attachment, job, life.FOREVER))
    s.keep(s.exporter)
