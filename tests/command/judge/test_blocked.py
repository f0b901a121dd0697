# SPDX-License-Identifier: GPL-2.0-only
"""PROGRAM, or a call of ours on its buffer, waits in the kernel, and no signal ends it.

Somebody holds the resv lock of a buffer, for as long as the test wants, and poll() of a dma-buf
waits for that lock uninterruptibly.
"""
from __future__ import annotations

import fcntl
import json
import os
import re
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lib import ioctls, life

from ..run import COMMAND, SOON, default_signals, no_process_left
from ..watch.recording import nothing_left

__all__ = ["no_process_left", "nothing_left"]  # fixtures

HOLD_IN_MAP = 1 << 26
FAULTS, FAULTS_LAYOUT, AWAIT = 0xDB0A, "=2I2Q2IQ", 1 << 0

#: Arguments: the dma-buf to hang at; another one to export, or -1; how to say that it may hang,
#: and to hear so; what is said on the socket once it does.
PROGRAM = """
import os, select, socket, sys, threading, time
control = socket.socket(fileno=int(os.environ["DMABUF_REVOKE_CONTROL"]))
lock, exported, says, hears = map(int, sys.argv[1:5])

def hang():
    poll = select.poll()
    poll.register(lock, select.POLLOUT)
    thread = threading.Thread(target=poll.poll)
    thread.start()
    stat = f"/proc/self/task/{thread.native_id}/stat"
    while open(stat).read().rpartition(")")[2].split()[0] != "D":
        time.sleep(0.001)

if exported >= 0:
    socket.send_fds(control, [b"buffer\\n"], [exported])
    control.recv(16)
os.write(says, b"x")
os.read(hears, 1)
hang()
control.sendall(sys.argv[5].encode() + b"\\n")
control.recv(1)
"""
Document = dict[str, Any]
#: For what never comes.
BRIEF = ("--limit", "command=2s,answer=1s,end=1s")


class Buffer:
    """One whose resv lock somebody holds, when he is told to."""

    def __init__(self) -> None:
        self.file = ioctls.open_node(ioctls.EXPORTER)
        self.buffer = life.alloc(self.file, life.PAGE)
        self.attachment = life.attach(self.buffer.fd)
        self.said, self.says = os.pipe()
        self.hears, self.heard = os.pipe()

    def fault(self, fault: int, flags: int = 0) -> None:
        deadline = time.monotonic_ns() + int(SOON * 1e9) if flags else 0
        size = struct.calcsize(FAULTS_LAYOUT)
        fields = (size, flags, self.buffer.id, fault, 0, 0, deadline)
        fcntl.ioctl(self.file, FAULTS, bytearray(struct.pack(FAULTS_LAYOUT, *fields)))

    def hold(self) -> None:
        """When the program asks for it; until let_go()."""
        assert select.select([self.said], [], [], SOON)[0], "it does not ask"
        self.fault(HOLD_IN_MAP)
        life.map_it(self.attachment)

    def confirm(self) -> None:
        self.fault(0, AWAIT)
        os.write(self.heard, b"x")

    def let_go(self) -> None:
        self.fault(0)

    def close(self) -> None:
        mine = (self.attachment, self.buffer.fd, self.file)
        for fd in (*mine, self.said, self.says, self.hears, self.heard):
            os.close(fd)


@pytest.fixture
def held() -> Iterator[Buffer]:
    buffer = Buffer()
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(buffer.hold), pool.submit(buffer.confirm)]
        yield buffer
        buffer.let_go()
        for task in tasks:
            task.result(SOON)
    buffer.close()


def judge(held: Buffer, scenarios: str, *words: str, exports: int = -1) -> Document:
    """With a program that hangs; no longer than somebody may hold the lock."""
    numbers = [str(fd) for fd in (held.buffer.fd, exports, held.says, held.hears)]
    inherited = [held.buffer.fd, held.says, held.hears]
    options = ["--json", "--scenario", scenarios, *BRIEF]
    program = [sys.executable, "-c", PROGRAM, *numbers, *words[1:]]
    inherited += [exports] if exports >= 0 else []
    return run_judge([words[0], *options, "--", *program], inherited)


def run_judge(words: list[str], inherited: list[int]) -> Document:
    began = time.monotonic()
    done = subprocess.run(
        [COMMAND, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
        pass_fds=inherited,
        preexec_fn=default_signals,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert time.monotonic() - began < 50
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def of(document: Document, scenario: str, clause: str) -> dict[str, Any]:
    rows = [
        row
        for row in document["findings"]
        if (row["scenario"], row["clause"]) == (scenario, clause)
    ]
    assert len(rows) == 1, document["findings"]
    return rows[0]  # type: ignore[no-any-return]


def stands_in_poll(document: Document, scenario: str) -> None:
    row = of(document, scenario, "LOG")
    assert row["verdict"] == "FAIL", row
    assert "hangs in the kernel, and SIGKILL does not end it" in row["evidence"]
    assert "is in the kernel: " in row["details"], row
    assert "dma_buf_poll" in row["details"], row


def is_left_out(document: Document, scenario: str, clause: str) -> None:
    row = of(document, scenario, clause)
    assert row["verdict"] == "SKIP" and "hangs in the kernel" in row["evidence"], row


def let_end(held: Buffer, text: str) -> None:
    """Whoever was killed goes as soon as it can."""
    threads = [Path("/proc", number) for number in re.findall(r"thread (\d+)", text)]
    held.let_go()
    deadline = time.monotonic() + SOON
    while any(path.exists() for path in threads):
        assert time.monotonic() < deadline, threads
        time.sleep(0.01)


def test_importer(held: Buffer) -> None:
    document = judge(held, "revoke-idle,revoke-mapped", "test-importer", "done 95")
    stands_in_poll(document, "revoke-idle")
    is_left_out(document, "revoke-mapped", "I4")
    let_end(held, of(document, "revoke-idle", "LOG")["details"])


@pytest.fixture
def other() -> Iterator[int]:
    """A dma-buf whose lock nobody holds."""
    file = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(file, life.PAGE)
    yield buffer.fd
    os.close(buffer.fd)
    os.close(file)


def test_exporter(held: Buffer, other: int) -> None:
    """It has not told anybody, and will not."""
    document = judge(held, "told,remove", "test-exporter", "done 0", exports=other)
    stands_in_poll(document, "told")
    is_left_out(document, "remove", "E13")
    let_end(held, of(document, "told", "LOG")["details"])


def test_exporter_whose_lock_our_importers_need(held: Buffer) -> None:
    """It is its own buffer's: what we have attached is let go of once that is free."""
    number = held.buffer.fd
    document = judge(held, "cpu,remove", "test-exporter", "done 0", exports=number)
    stands_in_poll(document, "cpu")
    is_left_out(document, "remove", "E13")


def test_exporter_that_hangs_in_a_move(held: Buffer) -> None:
    """Nothing that needs the lock is asked by the judge itself."""
    number = held.buffer.fd
    scenarios = "move-pinned,remove"
    document = judge(held, scenarios, "test-exporter", "done 0", exports=number)
    rows = [row for row in document["findings"] if row["clause"] == "LOG"]
    assert {row["verdict"] for row in rows} == {"FAIL"}, rows
    is_left_out(document, "remove", "E13")


def test_command(held: Buffer, other: int) -> None:
    """One that is to make the exporter revoke."""
    waits = (
        f"import os, select; os.write({held.says}, b'x'); os.read({held.hears}, 1); "
        f"poll = select.poll(); poll.register({held.buffer.fd}); poll.poll()"
    )
    acts = ["--revoke", f'exec {sys.executable} -c "{waits}"', "--fd", str(other)]
    inherited = [other, held.buffer.fd, held.says, held.hears]
    options = ["--json", "--scenario", "cpu,told", *BRIEF, *acts]
    document = run_judge(["test-exporter", *options], inherited)
    stands_in_poll(document, "cpu")
    is_left_out(document, "told", "E4")
    let_end(held, of(document, "cpu", "LOG")["details"])
