# SPDX-License-Identifier: GPL-2.0-only
"""Running the command dmabuf-revoke.

It is taken from $DBR_BIN, from build/tools, or from PATH. Needs root and both
modules loaded.
"""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lib.places import TOP

# Seconds in which anything must be done; emulated guests are slow, instrumented ones slower
# (DBR_PATIENCE: how many times).
SOON = 60.0 * float(os.environ.get("DBR_PATIENCE", "1"))
PAGE = os.sysconf("SC_PAGESIZE")
#: Of Debian's kernels for this machine.
FLAVOUR = {
    "x86_64": "-amd64",
    "aarch64": "-arm64-16k" if PAGE == 16384 else "-arm64",
}.get(os.uname().machine, "")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def find_command() -> str:
    """Its path; without it nothing here can run."""
    path = os.pathsep.join(
        [os.environ.get("DBR_BIN", ""), str(TOP / "build/tools"), os.environ["PATH"]]
    )
    found = shutil.which("dmabuf-revoke", path=path)
    if not found:
        pytest.exit(f"no dmabuf-revoke in {path}: run make programs", 1)
    return found


COMMAND = find_command()


def run(
    *arguments: str,
    status: int = 0,
    before: list[str] | None = None,
    limit: float = SOON,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end and check its exit status."""
    done = subprocess.run(
        [*(before or []), COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=limit,
        **options,
    )
    assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
    return done


def facts(*arguments: str, status: int = 0, **options: Any) -> dict[str, Any]:
    """What the command prints with --json."""
    document = json.loads(run(*arguments, "--json", status=status, **options).stdout)
    assert isinstance(document, dict)
    return document


def buffers() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = facts("list")["buffers"]
    return rows


def default_signals() -> None:
    """Without this they are ignored where pytest was started with them ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Process:
    """The command in the background."""

    started: list["Process"] = []

    def __init__(self, *arguments: str) -> None:
        self.started.append(self)
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            # Unbuffered, so that select() tells of all there is to read.
            bufsize=0,
            # A pipe, for programs that wait for something that never comes.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=default_signals,
        )

    def read_until(self, end: str) -> str:
        """Its output up to a line that matches all of the expression @end."""
        assert self.process.stdout
        text = b""
        deadline = time.monotonic() + SOON
        while not re.search(rf"^(?:{end})$".encode(), text, re.MULTILINE):
            left = deadline - time.monotonic()
            ready = select.select([self.process.stdout], [], [], max(left, 0))[0]
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                self.process.kill()
                errors = self.process.communicate()[1].decode()
                raise AssertionError(f"no '{end}': {text.decode()}{errors}")
            text += data
        return text.decode()

    def end(self, number: int | None = None, status: int = 0) -> str:
        """Wait for its end, after a signal if given; return what it printed."""
        if number is not None:
            self.process.send_signal(number)
        # Not communicate() yet: that closes stdin. The output is short.
        self.process.wait(timeout=SOON)
        out, err = self.process.communicate()
        text: str = out.decode()
        assert self.process.returncode == status, text + err.decode()
        return text


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """What a failed test left running must not spoil the next one."""
    yield
    while Process.started:
        process = Process.started.pop().process
        if process.poll() is None:
            process.kill()
            process.communicate()


@contextmanager
def held(*arguments: str) -> Iterator[tuple[dict[str, Any], Process]]:
    """A buffer of alloc, held meanwhile: its facts, and the process."""
    process = Process("alloc", *arguments, "--json")
    try:
        yield json.loads(process.read_until("}"))["buffer"], process
    finally:
        if process.process.poll() is None:
            process.end(signal.SIGTERM)


def wait_for(buffer_id: int, **expected: Any) -> None:
    """Until list shows the buffer so; the state of others has no event for us."""
    deadline = time.monotonic() + SOON
    rows: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        rows = [row for row in buffers() if row["id"] == buffer_id]
        if rows and expected.items() <= rows[0].items():
            return
    raise AssertionError(f"not {expected} within {SOON} s: {rows}")


def wait_until_gone(buffer_id: int) -> None:
    """The last reference is dropped by a worker of the kernel."""
    deadline = time.monotonic() + SOON
    while any(row["id"] == buffer_id for row in buffers()):
        assert time.monotonic() < deadline, f"buffer {buffer_id} stays"


def hiding(*nodes: str) -> list[str]:
    """Runs what follows where /dev/dmabuf-revoke has only @nodes, for all to use."""
    script = "d=/dev/dmabuf-revoke; set_up() { mount -t tmpfs none $d; "
    for node in nodes:
        number = os.stat(f"/dev/dmabuf-revoke/{node}").st_rdev
        script += f"mknod -m 666 $d/{node} c {os.major(number)} {os.minor(number)} && "
    script += 'true; }; set_up && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh"]
