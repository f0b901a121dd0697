# SPDX-License-Identifier: GPL-2.0-only
"""How calls and children end: in time, refused, killed."""
from __future__ import annotations

import os
import time
from typing import Callable

from .life import Buffer

PATIENCE = 20.0


def eventually(is_so: Callable[[], bool]) -> bool:
    """For what has no event to wait for."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.0002)
    return True


def in_time(limit: float, attempt: Callable[[], Buffer]) -> Buffer:
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


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
