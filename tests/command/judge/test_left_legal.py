# SPDX-License-Identifier: GPL-2.0-only
"""Importers that are right and unlike ours, and programs that do little: no FAIL of a driver, and no
PASS for what nobody has seen."""
from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path

import pytest

from ..run import COMMAND, PAGE, no_process_left, run
from ..watch.recording import nothing_left
from .verdicts import OURS, Verdicts, judge

__all__ = ["no_process_left", "nothing_left"]  # fixtures

IMPORTER = "/dev/dmabuf-revoke/importer"
DYNAMIC, PINNED = 0, 1

#: Of a program that uses our importer as it likes.
HEAD = """
import fcntl, os, struct, sys, time
PAGE = os.sysconf("SC_PAGESIZE")
importer = os.open("/dev/dmabuf-revoke/importer", os.O_RDWR)
fd, control = (int(os.environ["DMABUF_REVOKE_" + name]) for name in ("FD", "CONTROL"))
def attach(kind):
    arg = bytearray(struct.pack("=2IiIiI3Q", 48, 0, fd, kind, 0, os.O_CLOEXEC, 0, 0, 0))
    fcntl.ioctl(importer, 0xDB41, arg)
    return struct.unpack("=2IiIiI3Q", arg)[4]
def write(attachment, length):
    job = bytearray(struct.pack("=3Ii6Q", 64, 0, WRITE, -1, 0, length, 0, 0x5a5a, 0, 0))
    fcntl.ioctl(attachment, 0xDB62, job)
    number = struct.unpack("=3Ii6Q", job)[9]
    result = bytearray(struct.pack("=2I2QiI4Q", 64, 0, number, 2**64 - 1, 0, 0, 0, 0, 0, 0))
    fcntl.ioctl(attachment, 0xDB63, result)
    return -struct.unpack("=2I2QiI4Q", result)[4]
def answer(use):
    try:
        error = use()
    except OSError as caught:
        error = caught.errno
    os.write(control, b"done %d\\n" % error)
""".replace(
    "WRITE", "1"
)

#: A handle for each use, which is let go of at once.
EACH = """
def use():
    attachment = attach(KIND)
    try:
        return write(attachment, PAGE)
    finally:
        os.close(attachment)
answer(use)
while os.read(control, 16):
    answer(use)
"""

#: A handle for each use, which is kept until the next one.
ANEW = """
kept = []
def use():
    while kept:
        os.close(kept.pop())
    kept.append(attach(KIND))
    return write(kept[0], PAGE)
answer(use)
while os.read(control, 16):
    answer(use)
"""


def python(text: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", HEAD + text, *arguments)


def check(verdicts: Verdicts) -> None:
    assert not verdicts.cells_of("FAIL"), verdicts.evidence("FAIL")


@pytest.mark.parametrize("scenario", ["told-in-pin", "told-in-map"])
def test_who_never_attaches_was_never_told(scenario: str) -> None:
    options = ["--scenario", scenario, "--limit", "import=500ms,end=500ms"]
    verdicts = judge(*options, program=("sleep", "1000"))
    check(verdicts)
    assert verdicts.cells[scenario, "I16"] == "SKIP"


@pytest.mark.parametrize("text", [f"{PAGE:#x}:{2 * PAGE:#x}", f"{PAGE}:{2 * PAGE}"])
def test_range_is_told_as_it_is_judged(text: str) -> None:
    """Whoever reads decimal numbers reads the same range."""
    verdicts = judge("--scenario", "range", "--range", text)
    check(verdicts)
    assert verdicts.cells["range", "I14"] == "PASS"


def test_what_programs_write_into_the_log_is_not_of_the_kernel() -> None:
    text = f"echo 'INFO: task of no kernel' >/dev/kmsg; exec {OURS}"
    verdicts = judge("--scenario", "revoke-idle", program=("sh", "-c", text))
    check(verdicts)
    assert verdicts.cells["revoke-idle", "LOG"] == "PASS"


#: Does not speak. It writes soon in the second of three runs only, late in others.
SLOWLY = """
attachment = attach(0)
fcntl.ioctl(attachment, 0xDB60, bytearray(struct.pack("=4I", 16, 0, 0, 0)))
with open(sys.argv[1], "ab+") as count:
    count.write(b"x")
    count.flush()
    if os.fstat(count.fileno()).st_size != 2:
        time.sleep(30)
write(attachment, PAGE)
time.sleep(1000)
"""


def test_nobody_knows_when_a_silent_program_has_written(tmp_path: Path) -> None:
    """It is the same to each table; only the time differs at which it is looked."""
    options = ["--scenario", "bare-table", "--limit", "import=4s,end=1s"]
    program = python(SLOWLY, str(tmp_path / "count"))
    verdicts = judge(*options, program=program)
    check(verdicts)
    assert verdicts.cells["bare-table", "I13"] == "SKIP"


@pytest.mark.parametrize("kind", [DYNAMIC, PINNED])
def test_new_handle_for_each_use_is_no_old_one_that_lives(kind: int) -> None:
    """I5 is about a handle, and this one is gone."""
    program = python(ANEW.replace("KIND", str(kind)))
    verdicts = judge("--scenario", "suspend-restore,revoke-mapped", program=program)
    check(verdicts)
    assert verdicts.cells["revoke-mapped", "I4"] == "PASS"


@pytest.mark.parametrize("kind", [DYNAMIC, PINNED])
def test_who_has_let_go_was_not_told(kind: int) -> None:
    """It has no attachment then: nothing is seen of its callback."""
    program = python(EACH.replace("KIND", str(kind)))
    scenarios = "revoke-mapped,revoke-twice,revoke-idle,suspend-restore"
    verdicts = judge("--scenario", scenarios, program=program)
    check(verdicts)
    passed = {clause for _, clause in verdicts.cells_of("PASS")}
    assert not passed & {"I2", "I4", "I7", "I8"}, verdicts.evidence("PASS")


#: Says so twice at once, before it is asked; then it says what is.
TWICE = """
attachment = attach(0)
write(attachment, PAGE)
os.write(control, b"done 0\\ndone 0\\n")
while os.read(control, 16):
    answer(lambda: write(attachment, PAGE))
"""


def test_answer_to_nothing_is_none_to_what_is_asked_next() -> None:
    verdicts = judge("--scenario", "revoke-mapped", program=python(TWICE))
    check(verdicts)
    assert verdicts.cells["revoke-mapped", "I6"] == "PASS", verdicts.evidence("UNKNOWN")


#: Fails once after it was told, as one does whose job was cut short, or who has no memory now.
ONCE = """
attachment = attach(0)
answer(lambda: write(attachment, PAGE))
asked = 0
while os.read(control, 16):
    asked += 1
    if asked == 2:
        os.write(control, b"done %d\\n" % ERROR)
    else:
        answer(lambda: write(attachment, PAGE))
"""


@pytest.mark.parametrize("error", [5, 11, 12, 125])
def test_who_fails_once_may_be_asked_again(error: int) -> None:
    program = python(ONCE.replace("ERROR", str(error)))
    verdicts = judge("--scenario", "suspend-restore", program=program)
    check(verdicts)
    assert verdicts.cells["suspend-restore", "I6"] == "PASS"


def test_who_never_uses_it_twice_is_neither_blamed_nor_praised_for_that() -> None:
    """As a program that knows no "again", or a driver that takes each dma-buf once."""
    program = python(
        """
attachment = attach(0)
answer(lambda: write(attachment, PAGE))
while os.read(control, 16):
    os.write(control, b"done 22\\n")
"""
    )
    names = ("suspend-restore", "suspend-again", "revoke-mapped")
    verdicts = judge("--scenario", ",".join(("move", *names)), program=program)
    check(verdicts)
    for name in names:
        assert verdicts.cells[name, "I6"] == "UNKNOWN", verdicts.evidence("PASS")


def test_who_ends_after_a_move_has_not_said_that_it_has_used_the_buffer() -> None:
    program = python(
        """
attachment = attach(0)
answer(lambda: write(attachment, PAGE))
os.read(control, 16)
answer(lambda: write(attachment, PAGE))
os.read(control, 16)
"""
    )
    check(judge("--scenario", "move", program=program))


@pytest.mark.parametrize("kind", [2, 3])
def test_who_cannot_be_revoked_is_not_asked_after_a_move(kind: int) -> None:
    """It moves, since nobody has it mapped between two uses."""
    program = python(EACH.replace("KIND", str(kind)))
    check(judge("--accept-legacy", "--scenario", "move", program=program))


#: Writes when it is asked for the first time only; later it reads.
READS = """
attachment = attach(0)
def read():
    job = bytearray(struct.pack("=3Ii6Q", 64, 0, 0, -1, 0, PAGE, 0, 0, 0, 0))
    fcntl.ioctl(attachment, 0xDB62, job)
    number = struct.unpack("=3Ii6Q", job)[9]
    result = bytearray(struct.pack("=2I2QiI4Q", 64, 0, number, 2**64 - 1, 0, 0, 0, 0, 0, 0))
    fcntl.ioctl(attachment, 0xDB63, result)
    return -struct.unpack("=2I2QiI4Q", result)[4]
answer(lambda: write(attachment, PAGE))
while os.read(control, 16):
    answer(read)
"""


@pytest.mark.parametrize("scenario", ["move", "move-fenced"])
def test_who_reads_later_has_not_lost_what_it_wrote(scenario: str) -> None:
    verdicts = judge(
        "--scenario", scenario, "--limit", "fence=1s", program=python(READS)
    )
    check(verdicts)


def test_who_ends_after_its_use_is_told_to_wait() -> None:
    text = """
attachment = attach(0)
write(attachment, PAGE)
os.close(attachment)
"""
    verdicts = judge("--scenario", "revoke-mapped", program=python(text))
    assert verdicts.cells["revoke-mapped", "I4"] == "SKIP"
    assert "end of file" in verdicts.evidence("SKIP")
    assert "before it has mapped" not in verdicts.evidence("SKIP")


#: Sends the dma-buf over the socket that is its argument, and is our importer when that is heard.
SENDING = """
import os, socket, sys
file = socket.socket(fileno=int(sys.argv[1]))
socket.send_fds(file, [b"x"], [int(os.environ["DMABUF_REVOKE_FD"])])
file.recv(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def attach(dmabuf: int) -> Callable[[], object]:
    arg = bytearray(
        struct.pack("=2IiIiI3Q", 48, 0, dmabuf, DYNAMIC, 0, os.O_CLOEXEC, 0, 0, 0)
    )
    with open(IMPORTER, "r+b", buffering=0) as importer:
        ioctl(importer, 0xDB41, arg)
    return lambda: os.close(struct.unpack("=2IiIiI3Q", arg)[4])


def map_it(dmabuf: int) -> Callable[[], object]:
    """Without a descriptor of its own, which that of Python has."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (
        [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
    )
    address = libc.mmap(None, PAGE, mmap.PROT_READ, mmap.MAP_SHARED, dmabuf, 0)
    assert address != ctypes.c_void_p(-1).value
    return lambda: libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(PAGE))


@pytest.mark.parametrize("take", [attach, map_it])
def test_what_a_stranger_has_is_none_of_the_program(
    take: Callable[[int], Callable[[], object]]
) -> None:
    """A server, say, that imports what it is sent, and keeps that."""
    ours, theirs = socket.socketpair()
    options = ["--json", "--scenario", "revoke-idle", "--limit", "end=2s"]
    with ours, theirs:
        process = subprocess.Popen(
            [COMMAND, "test-importer", *options, "--", sys.executable, "-c", SENDING]
            + [str(theirs.fileno()), OURS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[theirs.fileno()],
        )
        _, (dmabuf,), _, _ = socket.recv_fds(ours, 1, 1)
        let_go = take(dmabuf)
        os.close(dmabuf)
        ours.send(b"x")
        out, err = process.communicate(timeout=300)
        let_go()
    verdicts = Verdicts(
        subprocess.CompletedProcess(process.args, process.returncode, out, err)
    )
    check(verdicts)
    assert verdicts.cells["revoke-idle", "I17"] == "UNKNOWN"


@pytest.mark.parametrize("kind", ["static", "rdma"])
def test_who_was_let_in_all_the_same_need_not_map_anew(kind: str) -> None:
    options = ["--accept-legacy", "--scenario", "suspend-restore,suspend-again,move"]
    check(judge(*options, program=(OURS, "--kind", kind)))


#: Its use includes an access of the CPU, which our exporter has wait for the end of a suspension.
SYNCS = """
attachment = attach(0)
def use():
    for flags in (3, 7):
        fcntl.ioctl(fd, 0x40086200, struct.pack("=Q", flags))
    return write(attachment, PAGE)
answer(use)
while os.read(control, 16):
    answer(use)
"""


def test_who_waits_for_the_restore_does_not_hang() -> None:
    options = ["--scenario", "suspend-again", "--limit", "answer=2s"]
    verdicts = judge(*options, program=python(SYNCS))
    check(verdicts)
    assert "while the buffer is suspended" in verdicts.evidence("UNKNOWN")


#: Speaks once, and then sleeps; or waits for ever in a call of its driver.
SLEEPS = """
attachment = attach(0)
answer(lambda: write(attachment, PAGE))
os.read(control, 16)
DOES
"""
SLEEP = "time.sleep(1000)"
SPIN = "while True: pass"
CALL = """
job = bytearray(struct.pack("=3Ii6Q", 64, STREAM, 1, -1, 0, PAGE, 0, 0, 0, 0))
fcntl.ioctl(attachment, 0xDB62, job)
number = struct.unpack("=3Ii6Q", job)[9]
wait = struct.pack("=2I2QiI4Q", 64, 0, number, 2**64 - 1, 0, 0, 0, 0, 0, 0)
fcntl.ioctl(attachment, 0xDB63, bytearray(wait))
""".replace(
    "STREAM", "1"
)


@pytest.mark.parametrize("does", [SLEEP, SPIN], ids=["sleeps", "spins"])
@pytest.mark.parametrize("scenario", ["suspend-restore", "refused"])
def test_who_sleeps_or_spins_says_nothing_of_a_driver(scenario: str, does: str) -> None:
    """It does not answer, or does not end."""
    options = ["--scenario", scenario, "--limit", "answer=1s,end=1s"]
    verdicts = judge(*options, program=python(SLEEPS.replace("DOES", does)))
    check(verdicts)
    assert "is not in its driver" in verdicts.evidence("UNKNOWN")


def test_who_does_not_come_back_from_its_driver_fails() -> None:
    """A control. It is asked once before the suspension, too."""
    options = ["--scenario", "suspend-restore", "--limit", "answer=1s,end=1s"]
    once = "answer(lambda: write(attachment, PAGE))\nos.read(control, 16)\n"
    verdicts = judge(*options, program=python(SLEEPS.replace("DOES", once + CALL)))
    assert verdicts.cells_of("FAIL") == {("suspend-restore", "I17")}
    assert 'no answer to "again"' in verdicts.evidence("FAIL")


#: Says nothing of what it came to.
SHY = """
try:
    write(attach(0), PAGE)
except OSError:
    pass
time.sleep(1000)
"""


def test_who_was_refused_and_says_nothing_may_sleep() -> None:
    """The call of its driver has come to an end, and nobody knows of that."""
    options = ["--scenario", "attach-fails", "--limit", "import=1s,end=1s"]
    verdicts = judge(*options, program=python(SHY))
    check(verdicts)
    assert "is not in its driver" in verdicts.evidence("UNKNOWN")


#: A handle with that bug, for each use.
BUGGY = """
def attach(kind):
    arg = bytearray(struct.pack("=2IiIiI3Q", 48, 0, fd, kind, 0, os.O_CLOEXEC, 0, BUG, 0))
    fcntl.ioctl(importer, 0xDB41, arg)
    return struct.unpack("=2IiIiI3Q", arg)[4]
"""
STALE = 1 << 21


@pytest.mark.parametrize("bug,verdict", [(0, "PASS"), (STALE, "UNKNOWN")])
def test_unmap_after_the_use_gives_nothing_back(bug: int, verdict: str) -> None:
    """Who maps for each use unmaps anyway; what it got of a map in which it was told it has used."""
    text = (BUGGY + EACH).replace("BUG", str(bug)).replace("KIND", str(DYNAMIC))
    options = ["--scenario", "told-in-map", "--clause", "I16"]
    verdicts = judge(*options, program=python(text))
    check(verdicts)
    assert verdicts.cells["told-in-map", "I16"] == verdict, verdicts.findings


#: Uses the buffer by the CPU, in the kernel, when it is asked for the second time.
VMAPS = """
attachment = attach(0)
def vmap():
    for call in (0xDB65, 0xDB66):
        fcntl.ioctl(attachment, call, bytearray(struct.pack("=4I", 16, 0, 0, 0)))
    return 0
answer(lambda: write(attachment, PAGE))
while os.read(control, 16):
    answer(vmap)
"""


@pytest.mark.parametrize("scenario", ["revoke-mapped", "suspend-again"])
def test_warning_of_a_vmap_that_is_refused_is_none_of_who_asked_warns_vmap(
    scenario: str,
) -> None:
    """The core warns of each, once; the importer has passed on what failed."""
    Path("/sys/kernel/debug/clear_warn_once").write_text("1", encoding="ascii")
    verdicts = judge("--scenario", scenario, program=python(VMAPS))
    check(verdicts)
    assert verdicts.cells[scenario, "I6"] == "PASS"


def test_wrong_limit_leaves_no_report(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    options = ["--limit", "nope=1s", "--junit", str(report)]
    run("test-importer", *options, "--", "true", status=2)
    assert not report.exists()


#: Maps and unmaps in two processes, and goes on whatever it gets. It is nice to the kernel's threads.
FLOOD = """
os.nice(19)
os.fork()
attachment = attach(0)
arg = bytearray(struct.pack("=4I", 16, 0, 0, 0))
while True:
    for call in (0xDB60, 0xDB61):
        try:
            fcntl.ioctl(attachment, call, arg)
        except OSError:
            pass
"""


def test_flood_of_events_comes_to_an_end() -> None:
    """What does not fit is lost, so that nothing is known; but it is not read for ever."""
    options = ["--scenario", "revoke-busy", "--limit", "import=3s,end=1s"]
    check(judge(*options, program=python(FLOOD)))


USAGE = {
    ("--limit", "unmap=1s,unmap=2s"): "given before",
    ("--limit", "unmap=25h"): "24h",
    ("--limit", "unmap=18446744073709551614ns"): "24h",
    ("--scenario", ""): "--scenario",
    ("--clause", ""): "--clause",
    ("--limit", ""): "--limit",
    ("--scenario", "nope"): "revoke-mapped, revoke-busy",
    ("--clause", "I99"): "I17, I18, LOG",
    ("--range", "-1:5"): "--range",
    ("--range", " 1:5"): "--range",
    ("--range", "1:+5"): "--range",
    ("--range", "0:18446744073709551616"): "--range",
}


@pytest.mark.parametrize("options", USAGE, ids=" ".join)
def test_usage_says_what_there_is(options: tuple[str, str]) -> None:
    done = run("test-importer", *options, "--", "true", status=2)
    assert USAGE[options] in done.stderr and not done.stdout


def test_nobody_who_reads_stderr() -> None:
    """The run goes on, and the report is there."""
    read, write = os.pipe()
    os.close(read)
    options = ["--json", "--scenario", "revoke-idle", "--junit", "/dev/full"]
    done = subprocess.run(
        [COMMAND, "test-importer", *options, "--", OURS],
        stdout=subprocess.PIPE,
        stderr=write,
        check=False,
    )
    os.close(write)
    assert done.returncode == 1 and b'"findings"' in done.stdout
