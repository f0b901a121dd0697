# SPDX-License-Identifier: GPL-2.0-only
"""Whether a program that does not go on is in the kernel, or does what says nothing of a driver."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .show import CHECKS, build


@pytest.fixture(scope="module")
def where(command: Path) -> Path:
    return build(command, command / "where", *CHECKS.split(), source="where.c")


SAYS = "import os, socket, sys, time; os.write(1, b'x'); "
#: What is in no call of the kernel's for long, or waits for its own things.
IDLE = {
    "sleeps": "time.sleep(1000)",
    "spins": "exec('while True: pass')",
    "reads": "os.read(os.pipe()[0], 1)",
    "accepts": "s = socket.create_server(('127.0.0.1', 0)); s.accept()",
}
#: Waits in an open() for ever; is in one readv() after the other, each of 256 MiB.
BUSY = {
    "waits": "os.open(sys.argv[1], os.O_RDONLY)",
    "works": """
zero, memory = os.open('/dev/zero', os.O_RDONLY), bytearray(1 << 28)
while True:
    os.readv(zero, [memory])
""",
}


@pytest.fixture
def group(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """A process group that does so."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-c", SAYS + "exec(sys.argv[2])", str(fifo), request.param],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout and process.stdout.read(1) == b"x"
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def becomes(where: Path, group: int, busy: bool) -> bool:
    """It has said that it is about to do that; it need not have begun."""
    for _ in range(20):
        done = subprocess.run(
            [where, str(group)], capture_output=True, text=True, check=True, timeout=60
        )
        if done.stdout == f"{busy:d}\n":
            return True
    return False


@pytest.mark.parametrize("group", IDLE.values(), ids=IDLE.keys(), indirect=True)
def test_who_is_not_in_the_kernel_is_not_busy(where: Path, group: int) -> None:
    assert becomes(where, group, False)


@pytest.mark.parametrize("group", BUSY.values(), ids=BUSY.keys(), indirect=True)
def test_who_is_in_the_kernel_is_busy(where: Path, group: int) -> None:
    """A control."""
    assert becomes(where, group, True)
