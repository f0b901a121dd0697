# SPDX-License-Identifier: GPL-2.0-only
"""Moments of attachments. Every other descriptor is closed."""
from __future__ import annotations

from typing import Callable

from tests.lib import life
from tests.lib.foreign import heap_buffer, udmabuf_buffer

from .moment import LONG, moment, variants
from .stage import Stage
from .sync_files import assert_answers


def _attached(s: Stage, choice: int) -> None:
    s.keep(s.attach(s.buffer(life.ACCEPT_LEGACY).fd, choice))


def _mapped(s: Stage, choice: int) -> None:
    attachment = s.attach(s.buffer(life.ACCEPT_LEGACY).fd, choice)
    life.map_it(attachment)
    s.keep(attachment)


KINDS = {
    "dynamic": life.DYNAMIC,
    "pinned": life.PINNED,
    "legacy static": life.LEGACY_STATIC,
    "legacy RDMA": life.LEGACY_RDMA,
}
variants(_attached, {f"attached {name}": kind for name, kind in KINDS.items()})
variants(_mapped, {f"mapped {name}": kind for name, kind in KINDS.items()})


@moment("vmapped")
def vmapped(s: Stage) -> None:
    attachment = s.attach(s.buffer().fd)
    life.vmap(attachment)
    s.keep(attachment)


@moment("attached, unmap deferred")
def unmap_deferred(s: Stage) -> None:
    """Until the job that runs has come to its end."""
    buffer = s.buffer()
    attachment = s.attach(buffer.fd, flags=life.DEFER_UNMAP)
    s.lasting_fence(attachment, LONG)
    assert not buffer.revoke()
    s.keep(attachment)


@moment("attached, never unmaps")
def never_unmaps(s: Stage) -> None:
    buffer = s.buffer()
    attachment = s.attach(buffer.fd, misbehave=life.NO_UNMAP)
    life.map_it(attachment)
    assert not buffer.revoke()
    s.keep(attachment)


@moment("attached, fence stuck")
def stuck_fence(s: Stage) -> None:
    buffer = s.buffer()
    attachment = s.attach(buffer.fd, misbehave=life.STUCK_FENCE)
    fence = s.lasting_fence(attachment, 0)
    assert not buffer.revoke()
    s.keep(attachment, fence)
    s.checks.append(lambda: assert_answers(fence, 0))


@moment("only a fence that outlives its file")
def outliving_fence(s: Stage) -> None:
    """Then the buffer's owner goes, too, so that it is the fence that the revoke waits for."""
    buffer = s.buffer()
    s.hold(life.attach(buffer.fd, misbehave=life.FENCE_OUTLIVES, delay_ns=5 * 10**9))
    s.keep(s.exporter, buffer.fd)
    s.keep()


def _attached_to(s: Stage, choice: Callable[[], int]) -> None:
    attachment = s.attach(s.hold(choice()))
    life.map_it(attachment)
    s.keep(attachment)


variants(
    _attached_to,
    {
        "attached to the system heap": heap_buffer,
        "attached to udmabuf": udmabuf_buffer,
    },
)
