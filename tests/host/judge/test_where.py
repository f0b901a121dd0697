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


SAYS = "import ctypes, os, socket, sys, time; os.write(1, b'x'); "
#: Of one message, which is there.
QUEUE = """
libc = ctypes.CDLL(None)
name = f"/{os.getpid()}".encode()
queue = libc.mq_open(name, os.O_RDWR | os.O_CREAT, 0o600, (ctypes.c_long * 8)(0, 1, 1))
libc.mq_unlink(name)
libc.mq_send(queue, b"x", 1, 0)
"""
#: One after the other, each of 20 ms, of no kind in which all wait.
SHORT = """
until = (ctypes.c_long * 2)()
while True:
    until[:] = divmod(time.time_ns() + 20000000, 1000000000)
    libc.mq_timedsend(queue, b"x", 1, 0, until)
"""
#: What is in no call of the kernel's for long, or waits for its own things.
IDLE = {
    "sleeps": "time.sleep(1000)",
    "spins": "exec('while True: pass')",
    "reads": "os.read(os.pipe()[0], 1)",
    "accepts": "s = socket.create_server(('127.0.0.1', 0)); s.accept()",
    "receives": QUEUE
    + "while True: libc.mq_receive(queue, ctypes.create_string_buffer(1), 1, None)",
    "writes": "end = os.pipe()[1]\nwhile True: os.write(end, bytes(65536))",
    "sends": "s = socket.socketpair()\nwhile True: s[0].send(bytes(65536))",
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


def is_busy(where: Path, group: int) -> bool:
    done = subprocess.run(
        [where, str(group)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout == "1\n"


def becomes(where: Path, group: int, busy: bool) -> bool:
    """It has said that it is about to do that; it need not have begun."""
    return any(is_busy(where, group) == busy for _ in range(20))


@pytest.mark.parametrize("group", IDLE.values(), ids=IDLE.keys(), indirect=True)
def test_who_is_not_in_the_kernel_is_not_busy(where: Path, group: int) -> None:
    assert becomes(where, group, False)


@pytest.mark.parametrize("group", BUSY.values(), ids=BUSY.keys(), indirect=True)
def test_who_is_in_the_kernel_is_busy(where: Path, group: int) -> None:
    """A control."""
    assert becomes(where, group, True)


@pytest.mark.parametrize("group", [QUEUE + SHORT], ids=["short"], indirect=True)
def test_calls_that_are_alike_are_not_one(where: Path, group: int) -> None:
    """Most looks find it in the same call of the same arguments."""
    assert becomes(where, group, False)
    assert sum(is_busy(where, group) for _ in range(20)) < 5
