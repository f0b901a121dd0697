# SPDX-License-Identifier: GPL-2.0-only
"""Drives a program of import/ or export/ as the judge does; README.md has the protocol."""
from __future__ import annotations

import os
import socket
import subprocess
from types import TracebackType

import pytest

from tests.gates.counts import PATIENCE
from tests.lib.cases import program_directory

#: What a program ends with that lacks something.
MISSING = 77


def alone(name: str, *arguments: str, dmabuf: int | None = None) -> tuple[int, str]:
    """Of a program without a judge: its status, and what it says."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("DMABUF_REVOKE_")
    }
    if dmabuf is not None:
        environment["DMABUF_REVOKE_FD"] = str(dmabuf)
    done = subprocess.run(
        [program_directory() / "drivers" / name, *arguments],
        env=environment,
        pass_fds=() if dmabuf is None else (dmabuf,),
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stderr


class Adapter:
    """A program that runs; leaving the context tells it to release all, and waits for it."""

    def __init__(self, name: str, *arguments: str, dmabuf: int | None = None) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(PATIENCE)
        environment = {**os.environ, "DMABUF_REVOKE_CONTROL": str(theirs.fileno())}
        inherited = [theirs.fileno()]
        if dmabuf is not None:
            environment["DMABUF_REVOKE_FD"] = str(dmabuf)
            inherited.append(dmabuf)
        with theirs:
            self._process = subprocess.Popen(  # pylint: disable=consider-using-with
                [program_directory() / "drivers" / name, *arguments],
                env=environment,
                pass_fds=inherited,
                stderr=subprocess.PIPE,
                text=True,
            )
        self._heard = b""

    def __enter__(self) -> Adapter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind:
            self._process.kill()
        status, message = self.end()
        if not kind:
            assert (status, message) == (0, "")

    def end(self) -> tuple[int, str]:
        """Its exit status, and what it said."""
        self._control.close()
        try:
            _, message = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        return self._process.returncode, message

    def say(self, word: str) -> None:
        self._control.sendall(f"{word}\n".encode())

    def line(self) -> str:
        """The next one; empty if it has ended."""
        while b"\n" not in self._heard:
            more = self._control.recv(64)
            if not more:
                return ""
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def result(self) -> int:
        """Of what it is about: 0, or an errno."""
        line = self.line()
        if not line:
            status, message = self.end()
            if status == MISSING:
                pytest.skip(message.strip())
            pytest.fail(f"it ended with {status}: {message}")
        word, _, error = line.partition(" ")
        assert word == "done"
        return int(error)

    def do(self, word: str) -> int:
        """One after the other."""
        self.say(word)
        return self.result()

    def is_silent(self) -> bool:
        """Whether there is no answer so far."""
        self._control.setblocking(False)
        try:
            self._heard += self._control.recv(64)
        except BlockingIOError:
            pass
        self._control.settimeout(PATIENCE)
        return not self._heard

    def buffer(self) -> int:
        """What it exports. Skips where it lacks what it says."""
        data, fds, _, _ = socket.recv_fds(self._control, 1, 1)
        self._heard += data
        line = self.line()
        if line == "buffer":
            return fds[0]
        assert line.startswith("failed ") and int(line.split()[1]) > 0
        status, message = self.end()
        assert status == MISSING
        pytest.skip(message.strip())
