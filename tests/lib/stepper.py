# SPDX-License-Identifier: GPL-2.0-only
"""Steps a test program through its cases; the other end is tests/lib/c/harness/driver.c.

A program is started once for all its cases, since starting one costs more than most cases
do. Between two cases it waits, and nothing of the first one is left.
"""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import IO, NamedTuple

#: Seconds; longer than any case's own time limit, which the program enforces (TIME_LIMIT), and
#: which grows by the same factor (tests/lib/c/patience.c).
BASE_SILENCE = 115.0
SILENCE = BASE_SILENCE * float(os.environ.get("DBR_PATIENCE", "1"))


class StepError(Exception):
    """The program did not do as expected; the message says what happened instead."""


class Result(NamedTuple):
    """How a case ended: "passed", "failed" or "skipped", why, and what it printed."""

    status: str
    reason: str
    output: str


def children(pid: int) -> list[int]:
    """Of a process, as long as it runs. Each case is the leader of a process group."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


class Stepper:
    """A running test program. Close it when it is not needed any more."""

    def __init__(self, program: Path, cases: list[str]) -> None:
        """Start ``program`` for those of its cases, or all. StepError if that fails."""
        ours, theirs = socket.socketpair()
        ours.settimeout(SILENCE)
        self._socket = ours
        self._input = ours.makefile("rb")
        self._output: IO[bytes] = tempfile.TemporaryFile()
        self._taken = 0
        try:
            self._process = subprocess.Popen(
                [program, *cases],
                env={**os.environ, "TESTS_DRIVER_FD": str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise StepError(f"{program}: {error.strerror}: run `make programs`")
        finally:
            theirs.close()
        self.total = int(self._message("cases"))
        self.next: str | None = self._next()

    def _line(self) -> str:
        try:
            line = self._input.readline()
        except TimeoutError:
            raise StepError(f"no sign of life for {SILENCE:.0f} s") from None
        if not line.endswith(b"\n"):
            raise StepError(f"the program ended by itself\n{self.take_output()}")
        return line.decode(errors="replace").rstrip("\n")

    def _message(self, verb: str) -> str:
        first, _, rest = self._line().partition(" ")
        if first != verb:
            raise StepError(f"the program said {first!r} and not {verb!r}")
        return rest

    def _next(self) -> str | None:
        verb, _, name = self._line().partition(" ")
        return name if verb == "begin" else None

    def _answer(self) -> None:
        try:
            self._socket.send(b".")
        except OSError:
            raise StepError("the program has ended") from None

    def take_output(self) -> str:
        """What was printed since the last call."""
        # Not read(): the position of the file is the program's.
        text = os.pread(self._output.fileno(), 1 << 20, self._taken)
        self._taken += len(text)
        return text.decode(errors="replace")

    def step(self) -> Result:
        """Run the case ``next``, and come back when its process is gone."""
        self._answer()
        status, _, reason = self._message("end").partition(" ")
        self._answer()
        self.next = self._next()
        return Result(status, reason, self.take_output())

    def close(self) -> None:
        """End the program and the processes of its case."""
        for pid in children(self._process.pid):
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.kill()
        self._process.wait()
        self._input.close()
        self._socket.close()
        self._output.close()
