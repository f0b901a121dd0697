# SPDX-License-Identifier: GPL-2.0-only
"""Programs that are no better than they have to be, and what is beside them."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .show import CHECKS, build, lives


@pytest.fixture(scope="module")
def program(command: Path) -> Path:
    return build(command, command / "program", *CHECKS.split(), source="program.c")


@pytest.fixture(scope="module")
def silence(command: Path) -> Path:
    return build(command, command / "silence", *CHECKS.split(), source="silence.c")


def said(*words: str | Path) -> str:
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        # A program may join the group that it finds.
        start_new_session=True,
        # It does not bear that a thread is cancelled.
        env={**os.environ, "ASAN_OPTIONS": "use_sigaltstack=0"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_was_there_before_lives_on(program: Path, tmp_path: Path) -> None:
    """A shell's "helper & exec judge"; what the program has started goes."""
    helper, started = tmp_path / "helper", tmp_path / "started"
    before = f'sleep 999 >/dev/null 2>&1 & echo $! >{helper}; exec "$@"'
    inner = f"sleep 999 & echo $! >{started}"
    words = ["sh", "-c", before, "sh", str(program), "sweep", "sh", "-c", inner]
    try:
        assert said(*words) == "gone 1\n"
        assert lives(int(helper.read_text("ascii")))
        assert not lives(int(started.read_text("ascii")))
    finally:
        os.kill(int(helper.read_text("ascii")), signal.SIGKILL)


#: Joins the judge's process group, says so, and ignores what it can.
ELSEWHERE = """
import os, signal, time
os.setpgid(0, os.getpgid(os.getppid()))
os.write(int(os.environ["DMABUF_REVOKE_CONTROL"]), b"done 0\\n")
time.sleep(999)
"""


def test_program_of_another_process_group_ends(program: Path) -> None:
    found = said(program, "stop", sys.executable, "-c", ELSEWHERE)
    assert found == "done 0, gone 1\n"


#: Closes what it has inherited, and goes on.
CLOSING = "import os, time; os.closerange(3, 64); time.sleep(999)"


def test_waiting_for_one_who_has_closed_the_socket_is_no_work(silence: Path) -> None:
    waited, computed = map(int, said(silence, sys.executable, "-c", CLOSING).split())
    assert waited >= 1000 and computed < waited / 4


#: Two with one line.
SENDING = """
import os, socket, time
control = socket.socket(fileno=int(os.environ["DMABUF_REVOKE_CONTROL"]))
socket.send_fds(control, [b"buffer\\n"], [0] * {count})
time.sleep(999)
"""


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_descriptor_comes_with_a_line(program: Path, count: int) -> None:
    text = SENDING.format(count=count)
    assert said(program, "descriptors", sys.executable, "-c", text) == "buffer: 1\n"


def test_stdin_is_there_still_when_nothing_could_be_started(program: Path) -> None:
    assert said(program, "crowded", "true") == "stdin open\n"
