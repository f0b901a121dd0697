# SPDX-License-Identifier: GPL-2.0-only
"""Moments at which the modules are asked to go: by name, and what several of them need."""
from __future__ import annotations

import errno
from functools import partial
from typing import Callable

from tests.lib import life

from .stage import Stage
from .sync_files import put_on

Moment = Callable[[Stage], None]

MOMENTS: dict[str, Moment] = {}

#: Longer than any test: ended by whoever lets go.
LONG = 600 * 10**9
CANCELLED = -errno.ECANCELED


def moment(name: str) -> Callable[[Moment], Moment]:
    """What the function sets up is the row of this name."""

    def register(function: Moment) -> Moment:
        assert name not in MOMENTS
        MOMENTS[name] = function
        return function

    return register


def variants(function: Callable[..., None], choices: dict[str, object]) -> None:
    """One moment per name, whose choice is the function's last argument."""
    for name, choice in choices.items():
        moment(name)(partial(function, choice=choice))


def is_in(buffer: life.Buffer, state: int) -> Callable[[], None]:
    def check() -> None:
        assert buffer.state() == state

    return check


def legacy_mapped(s: Stage) -> tuple[life.Buffer, int]:
    """A buffer that cannot be revoked before this attachment is closed."""
    buffer = s.buffer(life.ACCEPT_LEGACY)
    attachment = s.attach(buffer.fd, life.LEGACY_STATIC)
    life.map_it(attachment)
    return buffer, attachment


def to_be_moved(s: Stage) -> tuple[life.Buffer, int]:
    """A buffer whose move waits for a job, and the attachment that job is of.

    It is attached to another buffer: on some kernels nothing moves that is mapped.
    """
    buffer, other = s.buffer(), s.buffer()
    attachment = s.attach(other.fd)
    put_on(buffer.fd, s.lasting_fence(attachment, LONG))
    return buffer, attachment


def begin_move(buffer: life.Buffer) -> None:
    try:
        buffer.move(0)
    except OSError as error:
        assert error.errno == errno.ETIMEDOUT
        return
    raise AssertionError("the move is complete")
