# SPDX-License-Identifier: GPL-2.0-only
"""test-exporter is judged: by our exporter, right and with each deliberate bug, and by others."""
from __future__ import annotations

import errno
import json
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.controls.names import FAULTS
from tests.lib import features, ioctls, life

from ..run import COMMAND, NOBODY, Process, held, no_process_left, run, wait_for
from ..watch.recording import nothing_left
from .exporters import Verdicts, judge, program, scenarios
from .fifo import Fifo

__all__ = ["no_process_left", "nothing_left"]  # fixtures

PAGE = life.PAGE

MOVES = {
    ("move", "E4"),
    ("move", "E14"),
    ("move-mapped", "E22"),
    ("move-pinned", "E14"),
}
LOCKS = ("lock", "lock-unmap")
FENCES = {(f"fence-{usage}", "E5") for usage in ("write", "read", "bookkeep")}


def everything() -> set[tuple[str, str]]:
    return {
        (name, clause)
        for name, clauses in scenarios().items()
        for clause in clauses | {"LOG"}
    }


def unmoved() -> set[tuple[str, str]]:
    """What cannot be judged where the core pins for whoever maps."""
    return (
        set() if "MAP_UNPINNED" not in features.missing() else {("move-mapped", "E22")}
    )


def check_behaves(verdicts: Verdicts) -> None:
    assert verdicts.status == 0, verdicts.all()
    assert verdicts.of("PASS") == everything() - unmoved(), verdicts.all()


def test_ours_behaves_warns_vmap() -> None:
    check_behaves(judge(program("ours")))


def test_ours_behaves_that_accepts_legacy_warns_vmap() -> None:
    check_behaves(judge(program("ours"), "--accept-legacy", more=("--accept-legacy",)))


class Wrong(NamedTuple):
    """A bug: what is FAIL, in which scenarios it is looked for beside that."""

    fails: set[tuple[str, str]]
    beside: tuple[str, ...] = ()
    #: Of what takes time, in ms: longer than the judge waits for on the slowest machine.
    delay: int = 0


WRONG = {
    "WEAK_FENCE_WAIT": Wrong({("fence-bookkeep", "E5")}, ("fence-read", "fence-write")),
    "NO_FENCE_WAIT": Wrong(FENCES, ("unmap", "lock")),
    "NO_UNMAP_WAIT": Wrong({("unmap", "E6")}, ("told", "fence-read", "lock-unmap")),
    "NO_TELL": Wrong(
        {("told", "E4"), ("cpu", "E4"), ("remove", "E13")}, ("unmap", "fence-read")
    ),
    "TELL_TWICE": Wrong(
        {(name, "E4") for name in ("told", "cpu", "suspend", "move")}, ("unmap",)
    ),
    "NO_ZAP": Wrong({("cpu", "E9")}, ("told",)),
    "LATE_MAP": Wrong(
        {("told", "E3"), ("cpu", "E9"), ("remove", "E13")}
        | {(name, "E2") for name in LOCKS}
    ),
    "MOVE_PINNED": Wrong({("move-pinned", "E14")}, ("move",)),
    "MOVE_NO_COPY": Wrong({("move", "E14")}, ("move-pinned",)),
    "ONE_MAP": Wrong({("move-mapped", "E22")}, ("move", "suspend")),
    "NO_LEGACY_TEST": Wrong({("legacy", "E1")}, ("told", "kinds")),
    # While it holds the lock for a minute nobody unmaps, of which older kernels complain.
    "HOLD_AFTER_TELL": Wrong({("lock", "E7")}),
    "HOLD_LOCK": Wrong({(name, "E7") for name in LOCKS}, (), 10000),
    "SLOW_MAP": Wrong({(name, "E7") for name in LOCKS}, (), 10000),
    "HOLD_IN_MAP": Wrong({(name, "E7") for name in LOCKS}),
    "TELL_ON_RESTORE": Wrong({("restore", "E25")}, ("suspend",)),
}


@pytest.mark.parametrize("fault", WRONG)
def test_bug_is_found_warns_vmap(fault: str) -> None:
    """And nothing else."""
    wrong = WRONG[fault]
    if wrong.fails <= unmoved():
        pytest.skip("no MAP_UNPINNED: what is mapped does not move on this kernel")
    names = {name for name, _ in wrong.fails} | set(wrong.beside)
    delay = ("--delay", str(wrong.delay)) if wrong.delay else ()
    more: tuple[str, ...] = ("--scenario", ",".join(sorted(names)))
    if wrong.delay:
        more += ("--limit", "command=30s,answer=30s,end=30s")
    verdicts = judge(program("ours"), *delay, "--faults", fault, more=more)
    assert verdicts.of("FAIL") == wrong.fails, verdicts.all()
    assert verdicts.status == 1


#: What an exporter may do, or what nothing shows that importers and a CPU see.
NO_BREACH = (
    "HOLD_LOCK",
    "SLOW_MAP",
    "FAIL_PIN",
    "FAIL_MAP",
    "KEEP_MEMORY",
    "SYNC_EARLY",
    "TELL_IN_PIN",
    "TELL_IN_MAP",
    "FAIL_ATTACH",
    "FAIL_MMAP",
    "FAIL_CPU_ACCESS",
    "FAIL_VMAP",
    "NO_VMAP_OP",
    "NO_MMAP_OP",
    "NO_PIN_OP",
    # On behalf of a device that can map, and takes segments of any length.
    "LATE_REFUSAL",
    "BIG_SEGMENTS",
)


@pytest.mark.parametrize("fault", NO_BREACH)
def test_what_is_no_breach_does_not_fail_warns_vmap(fault: str) -> None:
    """Nor is anything PASS that could not be looked for."""
    if fault == "NO_PIN_OP" and "STATIC_MAP" in features.missing():
        pytest.skip("no STATIC_MAP: the core demands a pin of who can be told to move")
    more = ("--scenario", "kinds,told,cpu,lock,sync")
    verdicts = judge(program("ours"), "--faults", fault, more=more)
    assert not verdicts.of("FAIL"), verdicts.all()
    if fault in ("FAIL_ATTACH", "FAIL_MAP", "TELL_IN_MAP"):
        for clause in ("E18", "E19"):
            assert ("kinds", clause) not in verdicts.of("PASS"), verdicts.all()
    if fault in ("FAIL_MMAP", "NO_MMAP_OP"):
        assert verdicts.of("SKIP") >= {("cpu", "E4"), ("cpu", "E9")}
        assert "mmap" not in verdicts.evidence("told", "E3")
    if fault == "FAIL_CPU_ACCESS":
        assert ("sync", "E21") in verdicts.of("SKIP")
    if fault in ("FAIL_VMAP", "NO_VMAP_OP"):
        assert "vmap" not in verdicts.evidence("told", "E3")


def test_each_fault_is_in_a_table() -> None:
    assert {*WRONG, *NO_BREACH} == {*FAULTS}


@pytest.mark.parametrize("error", ["EINVAL", "EOPNOTSUPP"])
def test_map_that_always_fails_had_to_be_refused(error: str) -> None:
    """Also where it fails as it would if the engine could not reach what was mapped."""
    node = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(node, PAGE)
    number = str(getattr(errno, error))
    run("faults", str(buffer.id), "fail-map", "--error", number)
    given = ("--pid", str(os.getpid()), "--fd", str(buffer.fd))
    verdicts = judge(more=(*given, "--scenario", "kinds"))
    assert verdicts.of("FAIL") == {("kinds", "E18")}, verdicts.all()
    assert error in verdicts.evidence("kinds", "E18")
    os.close(buffer.fd)
    os.close(node)


def test_sync_of_what_no_cpu_reaches_is_no_use() -> None:
    """As vfio-pci has it, which has no say in it."""
    faults = ("--faults", "NO_VMAP_OP", "NO_MMAP_OP")
    verdicts = judge(program("ours"), *faults, more=("--scenario", "told"))
    assert ("told", "E3") in verdicts.of("PASS"), verdicts.all()
    assert "SYNC" not in verdicts.evidence("told", "E3")


STOCK = {"heap": Path("/dev/dma_heap/system"), "udmabuf": Path("/dev/udmabuf")}


@pytest.mark.parametrize("name", STOCK)
def test_exporter_without_revoke(name: str) -> None:
    """It is SKIP what it has not, never FAIL."""
    if not STOCK[name].exists():
        pytest.skip(f"no {STOCK[name]}: this kernel has no such exporter")
    verdicts = judge(program(name))
    assert verdicts.status == 0, verdicts.all()
    judged = {("kinds", "E18"), ("kinds", "E19"), ("descriptors", "E16")}
    judged |= {("sync", "E21")}
    logs = {(name, "LOG") for name in scenarios()}
    assert verdicts.of("PASS") == judged | logs, verdicts.all()
    assert verdicts.of("SKIP") == everything() - judged - logs
    assert "no revoke" in verdicts.evidence("fence-read", "E5")


def given(*arguments: str, more: tuple[str, ...] = ()) -> Verdicts:
    """One buffer for all, of which only commands are known."""
    with held("1M", *more) as (buffer, process):
        pid, descriptor = str(process.process.pid), str(buffer["fd"])
        acts = [text.replace("ID", str(buffer["id"])) for text in arguments]
        return judge(more=("--pid", pid, "--fd", descriptor, *acts))


def by_command(*acts: str) -> list[str]:
    return [word for act in acts for word in (f"--{act}", f"{COMMAND} {act} ID")]


def test_buffer_and_commands_warns_vmap() -> None:
    """All but what takes a program, or an end of the exporter."""
    verdicts = given(*by_command("revoke", "suspend", "restore", "move"))
    missing = {("descriptors", "E16"), ("remove", "E13")}
    assert verdicts.status == 0, verdicts.all()
    assert verdicts.of("SKIP") == missing | unmoved(), verdicts.all()
    assert verdicts.of("PASS") == everything() - missing - unmoved(), verdicts.all()


def test_memory_may_be_in_a_buffer_more_than_once() -> None:
    """As udmabuf has it, too."""
    verdicts = given("--scenario", "kinds", more=("--repeat", "16"))
    assert not verdicts.of("FAIL"), verdicts.all()
    assert verdicts.of("PASS") >= {("kinds", "E18"), ("kinds", "E19")}, verdicts.all()


def test_revoked_buffer_is_no_more() -> None:
    """What comes after the revoke says who has done it."""
    verdicts = given(*by_command("revoke"), "--scenario", "fence-read,unmap,told")
    assert ("fence-read", "E5") in verdicts.of("PASS"), verdicts.all()
    for name, clause in (("unmap", "E6"), ("told", "E3")):
        assert (name, clause) in verdicts.of("SKIP")
        assert "fence-read" in verdicts.evidence(name, clause)


def test_buffer_and_one_command_warns_vmap() -> None:
    """What could not be suspended is there to be revoked, by the first who does."""
    verdicts = given(*by_command("revoke"))
    assert verdicts.status == 0, verdicts.all()
    assert ("legacy", "E1") in verdicts.of("PASS"), verdicts.all()
    assert "--suspend" in verdicts.evidence("restore", "E25")
    for name, clause in (("fence-write", "E5"), ("told", "E3")):
        assert "scenario legacy" in verdicts.evidence(name, clause)
    for first, then in (("suspend", "unmap"), ("restore", "fence-write")):
        verdicts = given(*by_command("revoke"), "--scenario", f"{first},{then}")
        assert {name for name, _ in verdicts.of("PASS")} >= {then}, verdicts.all()
        assert not verdicts.of("SKIP") & {("unmap", "E6"), ("fence-write", "E5")}


def test_command_that_fails() -> None:
    """Its output is said, and nothing is FAIL."""
    verdicts = given("--move", "echo so it is; exit 3", "--scenario", "move")
    assert not verdicts.of("FAIL"), verdicts.all()
    assert "has exited with 3; it says: so it is" in verdicts.evidence("move", "E14")
    assert verdicts.of("SKIP") == {("move", "E4"), ("move", "E14")}


def test_command_that_hangs() -> None:
    limit = ("--limit", "command=2s")
    verdicts = given("--move", "sleep 86400", "--scenario", "move", *limit)
    assert "has not come to its end" in verdicts.evidence("move", "E14")
    assert verdicts.of("UNKNOWN") == {("move", "E4"), ("move", "E14")}


BUFINFO = "/sys/kernel/debug/dma_buf/bufinfo"

#: Exports, and says that it could not; another process keeps the dma-buf, which it has open, mapped
#: or attached if its argument says so. Else nobody has: it is on its way in a socket.
LEAKING = f"""
import ctypes, os, signal, socket, sys
sys.path.insert(0, {os.getcwd()!r})
from tests.lib import ioctls, life
mmap = ctypes.CDLL(None).mmap
mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
control = socket.socket(fileno=int(os.environ["DMABUF_REVOKE_CONTROL"]))
try:
    file = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(file, life.PAGE)
    second = os.dup(buffer.fd)
    third = os.dup(buffer.fd)
except OSError as error:
    # Who keeps it has left the process group before anybody knows of it.
    leaves = "buffer" in globals()
    keeps = leaves and not os.fork()
    if keeps:
        os.setsid()
    if keeps and sys.argv[1] != "open":
        os.closerange(0, 3)
        if sys.argv[1] == "mapped":
            # Python's own keeps a descriptor.
            mmap(None, life.PAGE, 1, 1, buffer.fd, 0)
        elif sys.argv[1] == "attached":
            attached = life.attach(buffer.fd)
        else:
            ours, theirs = socket.socketpair()
            socket.send_fds(ours, [b"x"], [buffer.fd])
        os.close(file)
        os.close(buffer.fd)
        if "second" in globals():
            os.close(second)
    if keeps or not leaves:
        control.sendall(b"failed %d\\n" % error.errno)
    if keeps:
        control.close()
        signal.pause()
    sys.exit(77)
socket.send_fds(control, [b"buffer\\n"], [buffer.fd])
control.recv(1)
"""


@pytest.mark.parametrize("name", STOCK)
def test_memory_that_outlives_its_exporter_need_not_be_told_of(name: str) -> None:
    """Where there is no revoke either; NO_TELL is FAIL of ours, which has one."""
    if not STOCK[name].exists():
        pytest.skip(f"no {STOCK[name]}: this kernel has no such exporter")
    more = ("--scenario", "remove", "--remove", "true")
    verdicts = judge(program(name), more=more)
    assert verdicts.of("SKIP") == {("remove", "E13")}, verdicts.all()
    assert "outlived" in verdicts.evidence("remove", "E13")


def test_leak_without_descriptors_is_found() -> None:
    """A control."""
    if not Path(BUFINFO).exists():
        pytest.skip("no bufinfo: mount -t debugfs none /sys/kernel/debug")
    words = (sys.executable, "-c", LEAKING)
    verdicts = judge(*words, "closed", more=("--scenario", "descriptors"))
    assert verdicts.of("FAIL") == {("descriptors", "E16")}, verdicts.all()


@pytest.mark.parametrize("how", ["open", "mapped", "attached"])
def test_what_others_have_is_no_leak(how: str) -> None:
    """They may have got it from the same exporter meanwhile; who has attached is not known."""
    words = (sys.executable, "-c", LEAKING)
    verdicts = judge(*words, how, more=("--scenario", "descriptors"))
    assert not verdicts.of("FAIL"), verdicts.all()
    if how == "attached" and Path(BUFINFO).exists():
        assert verdicts.of("UNKNOWN") == {("descriptors", "E16")}, verdicts.all()


def test_signal_while_it_is_suspended(tmp_path: Path) -> None:
    """A given buffer is the user's: it is brought back first."""
    with held("1M") as (buffer, process), Fifo(tmp_path) as said:
        number = str(buffer["id"])
        place = ["--pid", str(process.process.pid), "--fd", str(buffer["fd"])]
        hangs = f"{COMMAND} suspend {number} && echo >{said.path} && exec sleep 86400"
        acts = ["--suspend", hangs, "--restore", f"{COMMAND} restore {number}"]
        options = ["--json", "--scenario", "suspend", "--limit", "command=1h"]
        judging = Process("test-exporter", *options, *place, *acts)
        said.line()
        document = json.loads(judging.end(signal.SIGINT, status=1))
        assert "interrupted" in document["cut_short"]
        wait_for(buffer["id"], state="live")


def test_signal_before_it_exports(tmp_path: Path) -> None:
    with Fifo(tmp_path) as said:
        script = f"echo >{said.path}; exec sleep 86400"
        limits = ["--limit", "import=1h,answer=1h,end=1s"]
        options = ["--json", "--scenario", "kinds", *limits]
        process = Process("test-exporter", *options, "--", "bash", "-c", script)
        said.line()
        document = json.loads(process.end(signal.SIGINT, status=1))
    assert "interrupted" in document["cut_short"]


@pytest.mark.parametrize(
    "script, says",
    [
        ("exit 3", "has exited with 3"),
        ("kill -SEGV $$", "signal 11"),
        ("echo failed 12 >&$DMABUF_REVOKE_CONTROL; exit 77", "ENOMEM"),
        ("echo buffer >&$DMABUF_REVOKE_CONTROL; sleep 86400", "before it has sent"),
    ],
)
def test_program_that_exports_nothing(script: str, says: str) -> None:
    more = ("--scenario", "kinds,told", "--limit", "import=1s,answer=1s,end=1s")
    verdicts = judge("bash", "-c", script, more=more)
    assert verdicts.status == 77, verdicts.all()
    assert says in verdicts.evidence("kinds", "E18"), verdicts.all()
    assert says in verdicts.evidence("told", "E3")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--fd", "0", "--", "true"),
        ("--peer2peer", "--no-peer2peer", "--", "true"),
        ("--engine", "dmaengine", "--", "true"),
        ("--pid", "1"),
        (),
        ("true",),
    ],
)
def test_usage(arguments: tuple[str, ...]) -> None:
    assert run("test-exporter", *arguments, status=2).stderr


def test_no_dma_buf() -> None:
    """That is a message, not a verdict."""
    with open("/dev/null", "rb") as file:
        done = run(
            "test-exporter",
            "--fd",
            str(file.fileno()),
            status=1,
            pass_fds=[file.fileno()],
        )
    assert "dma-buf" in done.stderr


def test_not_root() -> None:
    done = run("test-exporter", "--", "true", status=1, before=NOBODY)
    assert "run as root" in done.stderr
