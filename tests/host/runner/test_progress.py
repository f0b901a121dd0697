# SPDX-License-Identifier: GPL-2.0-only
"""Long work says where it is: in place on a terminal, now and then in a log."""
from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from guest import settings
from guest.output import history, progress
from guest.output.console import GuestStream
from guest.suite.watch import Watch

from ..sample import REPOSITORY

CLOSING = "===== 3 passed in 2.00s ====="
COLUMNS = 60
#: A phase that counts, a suite that prints a line in pieces, and the closing line.
SCRIPT = f"""
import re, sys, time
sys.path.insert(0, {str(REPOSITORY / "scripts")!r})
from guest.output import console, progress
from guest.suite.watch import Watch
progress.REFRESH, progress.EVERY = 0.05, float(sys.argv[1])
with progress.phase("7.3", "root tree") as part:
    step = part.counter(re.compile("Get:"))
    for number in range(4):
        assert step(f"Get:{{number}} a package") and not step("an error")
        time.sleep(0.2)
with Watch("7.3", console.GuestStream(), "all") as watch:
    watch.feed(b"collected 5 items / 2 deselected / 3 selected\\n\\ntests/a.c ")
    for letter in (b".", b"s", b"."):
        watch.feed(letter)
        time.sleep(0.2)
    watch.feed(b"    [100%]\\n==== 2 passed, 1 skipped in 2.00s ====\\n")
console.result({CLOSING!r})
"""


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(history, "cache_directory", settings.cache_directory)


def in_a_log(every: float) -> list[str]:
    """Both streams of a run whose parts say something so often."""
    command = [sys.executable, "-c", SCRIPT, str(every)]
    done = subprocess.run(command, stdout=-1, stderr=-2, text=True, check=True)
    return done.stdout.splitlines()


def on_a_terminal() -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "0.05"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    data = b""
    try:
        while piece := os.read(ours, 1 << 16):
            data += piece
    except OSError:
        pass  # the other end has gone
    os.close(ours)
    assert child.wait() == 0
    return data.decode()


def screen(text: str) -> list[str]:
    """What a terminal shows after this: what is written, and what the runner does with it."""
    rows, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[\d*[A-Z]|[\r\n]|[^\x1b\r\n]+", text):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif part == "\x1b[J":
            rows = [*rows[:row], rows[row][:column]]
        elif part == "\x1b[A":
            row -= 1
        elif move := re.fullmatch(r"\x1b\[(\d+)G", part):
            column = int(move[1]) - 1
        else:
            assert "\x1b" not in part and column + len(part) <= COLUMNS
            line = rows[row].ljust(column)
            rows[row] = line[:column] + part + line[column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in rows if line.strip()]


def test_a_terminal_shows_it_in_place() -> None:
    text = on_a_terminal()
    assert "[7.3] root tree: 3 so far, time left unknown" in text
    assert "[7.3] suite: 1 of 3, time left unknown" in text
    shown = screen(text)
    assert re.fullmatch(r"\[7\.3\] root tree: \d\.\d s", shown[0])
    assert shown[1:] == [
        "collected 5 items / 2 deselected / 3 selected",
        "tests/a.c .s.    [100%]",
        "==== 2 passed, 1 skipped in 2.00s ====",
        CLOSING,
    ]


def test_a_terminal_is_told_what_is_left_from_the_second_time_on() -> None:
    assert " left unknown" in on_a_terminal()
    text = on_a_terminal()
    assert "[7.3] root tree: 3 of 4, 0 s left" in text and "unknown" not in text
    assert "[7.3] suite: 1 of 3, 0 s left" in text


def test_a_log_has_a_line_now_and_then() -> None:
    lines = in_a_log(0.3)
    assert not [line for line in lines if "\x1b" in line or "\r" in line]
    said = [line for line in lines if "root tree" in line and "so far" in line]
    assert 1 <= len(said) <= 3
    assert re.fullmatch(r"\[7\.3\] root tree: \d so far, time left unknown", said[0])
    assert lines[-1] == CLOSING
    said = [line for line in in_a_log(0.3) if "root tree: " in line]
    assert re.fullmatch(r"\[7\.3\] root tree: \d of 4, \d s left", said[0])


def test_a_log_of_what_is_soon_done_has_only_what_it_took() -> None:
    lines = in_a_log(60)
    assert [line for line in lines if line.startswith("[7.3]")] == lines[:1]
    assert re.fullmatch(r"\[7\.3\] root tree: \d\.\d s", lines[0])


@pytest.mark.parametrize(
    "took, elapsed, share, expected",
    [
        (100, 30, 0, 70),  # nothing was counted
        (100, 130, 0, -30),
        (100, 50, 0.5, 50),  # as last time
        (100, 100, 0.5, 75),  # half as fast: it is believed by half,
        (100, 180, 0.9, 19),  # and near the end altogether
        (100, 200, 1, 0),
    ],
)
def test_what_is_left(
    took: float, elapsed: float, share: float, expected: float
) -> None:
    assert progress.left(took, elapsed, share) == pytest.approx(expected)


def test_what_was_longer_than_last_time_says_so() -> None:
    history.keep("[7.3] disk image", history.Took(40.0))
    part = progress.Part("7.3", "disk image")
    part.start -= 10
    assert part.text() == "[7.3] disk image: 30 s left"
    part.start -= 40
    assert part.text() == "[7.3] disk image: longer than last time (40 s)"


def test_only_what_has_succeeded_is_remembered(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), progress.phase("7.3", "modules"):
        raise KeyboardInterrupt
    assert history.last("[7.3] modules") is None
    with Watch("7.3", GuestStream(), "") as watch:
        watch.feed(b"collected 9 items\ntests/a.c ..\n")  # and the guest is lost
    assert history.last("[7.3] suite") is None
    with progress.phase("7.3", "modules") as part:
        part.done = 7
    took = history.last("[7.3] modules")
    assert took and took.steps == 7
    (path,) = (tmp_path / "cache/dmabuf-revoke/took").iterdir()
    path.write_text("{")  # a machine that went down
    assert history.last("[7.3] modules") is None


@pytest.mark.parametrize(
    "seconds, text", [(3.4, "3 s"), (59, "59 s"), (100, "2 min"), (5400, "1 h 30 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text
