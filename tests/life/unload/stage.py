# SPDX-License-Identifier: GPL-2.0-only
"""What a test of unloading sets up, keeps while the modules are asked to go, and clears."""
from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

from tests.lib import ioctls, life

#: Seconds until a thread must have blocked, or have come back when it was let go.
LIMIT = 30.0

#: /proc/PID/syscall of a thread that waits in read, poll or ioctl, by the architecture.
_WAITING = {"x86_64": ("0 ", "7 ", "16 "), "aarch64": ("63 ", "73 ", "29 ")}[
    os.uname().machine
]


class Stage:
    """Descriptors, threads that block in the kernel, and checks of what is kept."""

    def __init__(self) -> None:
        self.undo = ExitStack()
        self.checks: list[Callable[[], None]] = []
        self.exporter = -1
        self._fds: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []

    def hold(self, fd: int) -> int:
        """``fd``, which the stage closes sooner or later."""
        self._fds.add(fd)
        return fd

    def keep(self, *fds: int) -> None:
        """Close all others."""
        for fd in self._fds.difference(fds):
            os.close(fd)
        self._fds.intersection_update(fds)

    def buffer(self, flags: int = 0, length: int = life.PAGE) -> life.Buffer:
        if self.exporter < 0:
            self.exporter = self.hold(ioctls.open_node(ioctls.EXPORTER))
        buffer = life.alloc(self.exporter, length, flags)
        self.hold(buffer.fd)
        return buffer

    def attach(
        self, dmabuf: int, kind: int = 0, flags: int = 0, misbehave: int = 0
    ) -> int:
        return self.hold(life.attach(dmabuf, kind, flags, misbehave))

    def fence(self, attachment: int, duration_ns: int) -> int:
        """The sync_file of a new job, which can be over at once."""
        return self.hold(ioctls.submit_fence(attachment, duration_ns))

    def lasting_fence(self, attachment: int, duration_ns: int) -> int:
        """The sync_file of a job that has been taken up, and stays."""
        fence = self.fence(attachment, duration_ns)
        life.until_taken_up(attachment)
        return fence

    def block(self, call: Callable[[], object]) -> None:
        """Start a thread that calls this, and come back when it waits in the kernel."""

        def body() -> None:
            try:
                call()
            except BaseException as error:  # Reported by clear().
                self._failures.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        self._threads.append(thread)
        where = Path(f"/proc/self/task/{thread.native_id}/syscall")
        deadline = time.monotonic() + LIMIT
        while not where.read_text(encoding="ascii").startswith(_WAITING):
            assert time.monotonic() < deadline and thread.is_alive(), self._failures
            # That a thread has gone to sleep has no event.
            time.sleep(0.002)

    def check(self) -> None:
        """What is kept answers as it should."""
        for check in self.checks:
            check()

    def clear(self) -> None:
        """Close everything, which lets the threads come back."""
        self.keep()
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), "a thread still blocks in the kernel"
        self.undo.close()
        assert not self._failures, self._failures
