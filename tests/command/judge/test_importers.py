# SPDX-License-Identifier: GPL-2.0-only
"""The judge of importers is judged, by our importer: well-behaved, and with each bug.

A table says which clause has to be FAIL in which scenario; nothing else may be.
"""
from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

from tests.controls.names import MISBEHAVIOURS
from tests.lib import features

from ..run import PAGE
from .tracepoints import tracepoints_held
from .verdicts import OURS, Cell, judge

__all__ = ["tracepoints_held"]  # a fixture

#: So that a bug need not last long. What is given to bugs is several times this.
SHORT = "callback=300ms,fence=500ms,unmap=500ms,answer=4s"


def cells(text: str) -> set[Cell]:
    """Of lines "SCENARIO CLAUSE CLAUSE..."."""
    return {
        (line.split()[0], clause)
        for line in text.strip().splitlines()
        for clause in line.split()[1:]
    }


#: Where a well-behaved importer may leave nothing to see: it was refused, or let go in time.
SILENT = cells(
    """
    revoked-before I9
    attach-fails I9
    pin-fails I9
    map-fails I9
    attaching I3 I4 I9
    detaching I4
    killed I4
    last-descriptor I4
    told-in-map I4
    range I14
    """
)
#: A stream has a fence all the time, so that nobody looks at the memory.
STREAM = cells(
    """
    move-fenced I10
    fragmented I12
    beyond-4gib I12
    bare-table I13
    """
)
DYNAMIC = cells(
    """
    revoke-mapped I5
    suspend-restore I5
    suspend-again I5
    told-in-pin I3 I4 I16
    """
)
PINNED = cells(
    """
    revoke-mapped I6
    move I2 I4 I6
    move-busy I2 I4 I8
    move-fenced I10
    suspend-restore I6
    suspend-again I6
    """
)
#: On kernels where a map pins.
UNMOVED = cells(
    """
    move I2 I4 I6
    move-busy I2 I4 I8
    move-fenced I10
    """
)
#: Clauses of who cannot be revoked.
LEGACY = {"I3", "I9", "I12", "I13", "I17", "I18", "LOG"}


class Kind(NamedTuple):
    arguments: str
    #: What need not be PASS.
    others: set[Cell]


KINDS = {
    "dynamic": Kind("--kind dynamic", DYNAMIC),
    "dynamic-deferred": Kind("--kind dynamic --defer", DYNAMIC),
    "dynamic-stream": Kind("--kind dynamic --stream", DYNAMIC | STREAM),
    "pinned": Kind("--kind pinned", PINNED),
    "pinned-deferred-stream": Kind("--kind pinned --defer --stream", PINNED | STREAM),
}


@pytest.fixture(autouse=True)
def memory_controller() -> None:
    """As a system has it that runs services."""
    root = Path("/sys/fs/cgroup")
    if "memory" in (root / "cgroup.controllers").read_text(encoding="ascii").split():
        (root / "cgroup.subtree_control").write_text("+memory", encoding="ascii")


def check_well_behaved(kind: Kind, *options: str) -> None:
    verdicts = judge(*options, program=(OURS, *kind.arguments.split()))
    assert verdicts.status == 0, verdicts.evidence("FAIL")
    assert not verdicts.cells_of("FAIL"), verdicts.evidence("FAIL")
    allowed = SILENT | kind.others
    if "MAP_UNPINNED" in features.missing():
        # The core pins for each map.
        allowed |= UNMOVED | {("pin-fails", "I9")}
    silent = verdicts.cells_of("SKIP") | verdicts.cells_of("UNKNOWN")
    assert silent <= allowed, verdicts.evidence("SKIP", "UNKNOWN")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_well_behaved_passes(kind: Kind) -> None:
    check_well_behaved(kind)


#: Of what is judged by time, and who is started again and again.
BUSY = (
    "map-fails,revoke-mapped,revoke-busy,attaching,suspend-restore,told-in-map,stopped"
)


@contextmanager
def busy_loops() -> Iterator[None]:
    """One for each CPU, and one more."""
    loops = [
        subprocess.Popen(["sh", "-c", "while :; do :; done"])
        for _ in range(1 + (os.cpu_count() or 1))
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@pytest.mark.parametrize("kind", ["dynamic-deferred", "pinned"])
def test_well_behaved_passes_beside_busy_loops(kind: str) -> None:
    with busy_loops():
        check_well_behaved(KINDS[kind], "--repeat", "2", "--scenario", BUSY)


@pytest.mark.parametrize("kind", ["static", "rdma"])
def test_who_cannot_be_revoked_is_refused(kind: str) -> None:
    verdicts = judge(program=(OURS, "--kind", kind))
    assert not verdicts.cells_of("FAIL"), verdicts.evidence("FAIL")
    assert verdicts.cells["refused", "I17"] == "PASS"
    assert verdicts.cells["revoke-mapped", "I4"] == "SKIP"
    assert "--accept-legacy" in verdicts.evidence("SKIP")


@pytest.mark.parametrize("kind", ["static", "rdma"])
def test_who_cannot_be_revoked_passes_where_it_is_let_in(kind: str) -> None:
    verdicts = judge("--accept-legacy", program=(OURS, "--kind", kind))
    assert verdicts.status == 0, verdicts.evidence("FAIL")
    judged = verdicts.cells_of("PASS")
    assert {clause for _, clause in judged} <= LEGACY, verdicts.evidence("PASS")
    assert {("fragmented", "I12"), ("bare-table", "I13")} <= judged


class Bug(NamedTuple):
    arguments: str
    #: What has to be FAIL. All of these scenarios are run, and those of @clean.
    fails: str
    clean: str = ""
    #: It says that it cannot use the buffer, so that there is nothing to judge.
    unused: bool = False
    #: Not on kernels that lack MAP_UNPINNED: nothing that is mapped moves there.
    moves: bool = False

    @property
    def scenarios(self) -> str:
        names = {line.split()[0] for line in self.fails.strip().splitlines() if line}
        return ",".join(sorted(names | set(self.clean.split())))


BUGS = {
    "ignore": Bug(
        "--misbehave ignore",
        """
        revoke-mapped I3 I4 I6
        revoke-busy I4
        owner-dies I4
        suspend-restore I4
        """,
    ),
    "ignore-moves": Bug(
        "--misbehave ignore",
        """
        move I4 I6
        move-busy I4
        """,
        moves=True,
    ),
    "ignore-stream": Bug(
        "--misbehave ignore --stream",
        """
        revoke-busy I8
        owner-dies I8
        """,
    ),
    "no-unmap": Bug(
        "--misbehave no-unmap",
        """
        revoke-mapped I4
        suspend-restore I4
        """,
        "refused",
    ),
    "late-unmap": Bug(
        "--misbehave late-unmap --delay 8000",
        """
        revoke-mapped I4
        revoke-busy I4
        """,
    ),
    "slow-callback": Bug(
        "--misbehave slow-callback --delay 3000",
        """
        revoke-mapped I2
        suspend-restore I2
        """,
    ),
    "late-fence": Bug("--misbehave late-fence --delay 8000", "revoke-busy I8"),
    "stuck-fence": Bug(
        "--misbehave stuck-fence",
        """
        revoke-busy I8
        stopped I8
        """,
    ),
    "stuck-fence-moves": Bug(
        "--misbehave stuck-fence --stream", "move-busy I8", moves=True
    ),
    "late-fence-moves": Bug(
        "--misbehave late-fence --delay 8000 --stream", "move-busy I8", moves=True
    ),
    "ignore-stream-moves": Bug(
        "--misbehave ignore --stream", "move-busy I8", moves=True
    ),
    "fence-error": Bug("--misbehave fence-error", "", "revoke-mapped", unused=True),
    "fence-after": Bug(
        "--misbehave fence-after --delay 3000",
        """
        revoke-mapped I3
        revoke-busy I3
        """,
    ),
    "new-dma": Bug("--misbehave new-dma", "revoke-waiting I3", "revoke-mapped"),
    "remap": Bug("--misbehave remap", "", "revoke-mapped suspend-restore"),
    "dma-after-unmap": Bug(
        "--misbehave dma-after-unmap",
        """
        revoke-mapped I3
        revoke-busy I3
        """,
    ),
    "keep-pin": Bug(
        "--kind pinned --misbehave keep-pin",
        """
        revoke-mapped I5
        suspend-restore I5
        """,
        "told-in-pin",
    ),
    "revive": Bug(
        "--kind pinned --misbehave revive", "suspend-restore I5", "revoke-mapped"
    ),
    "double-unpin-warns_unpin": Bug(
        "--kind pinned --misbehave double-unpin",
        """
        revoke-mapped I9
        revoke-twice I9
        """,
    ),
    "skip-kernel-fence": Bug(
        "--misbehave skip-kernel-fence",
        "move-fenced I10",
        "revoke-mapped move",
        moves=True,
    ),
    "kernel-fence": Bug(
        "--misbehave kernel-fence",
        """
        revoke-mapped I8
        revoke-busy I8
        """,
    ),
    "one-segment": Bug(
        "--misbehave one-segment", "fragmented I12", "bare-table revoke-mapped"
    ),
    "clear-only": Bug(
        "--misbehave clear-only",
        """
        revoke-mapped I4
        suspend-restore I4
        """,
    ),
    "clear-only-moves": Bug("--misbehave clear-only", "move I4 I6", moves=True),
    "loop-on-error": Bug(
        "--misbehave loop-on-error --delay 5000",
        """
        map-fails I17
        revoke-mapped I17
        """,
        "suspend-restore",
    ),
    "fence-outlives": Bug("--misbehave fence-outlives --delay 8000", "fragmented I18"),
    # It uses what a map returned that had told it; an exporter that moves as it maps means that.
    "stale": Bug("--misbehave stale", "", "told-in-map revoke-mapped"),
}


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS.keys())
def test_bug_fails_its_clause_and_no_other(bug: Bug) -> None:
    """A control of each verdict."""
    if bug.moves and "MAP_UNPINNED" in features.missing():
        pytest.skip("no MAP_UNPINNED: what is mapped does not move on this kernel")
    verdicts = judge(
        "--limit",
        SHORT,
        "--scenario",
        bug.scenarios,
        program=(OURS, *bug.arguments.split()),
    )
    expected = cells(bug.fails)
    assert verdicts.cells_of("FAIL") == expected, verdicts.evidence("FAIL", "UNKNOWN")
    assert verdicts.status == (77 if bug.unused else bool(expected))


WITHIN = f"{PAGE}:{2 * PAGE}"
RANGE = ("--scenario", "range", "--range", WITHIN)


def test_range_is_kept() -> None:
    verdicts = judge(*RANGE)
    assert verdicts.status == 0, verdicts.evidence("FAIL")
    assert verdicts.cells["range", "I14"] == "PASS"
    assert f"written within {WITHIN}" in verdicts.evidence("PASS")


def test_range_that_is_not_kept_fails() -> None:
    """A control."""
    verdicts = judge(*RANGE, program=(OURS, "--misbehave", "wrong-range"))
    assert verdicts.cells_of("FAIL") == {("range", "I14")}
    assert "the first at offset 0" in verdicts.evidence("FAIL")


def test_each_misbehaviour_is_in_a_table() -> None:
    words = {name.lower().replace("_", "-") for name in MISBEHAVIOURS}
    tried = {word for bug in BUGS.values() for word in bug.arguments.split()}
    assert words - tried == {"wrong-range"}


def test_claim_to_be_revocable_is_called_false() -> None:
    verdicts = judge(
        "--limit",
        SHORT,
        "--scenario",
        "revoke-mapped",
        program=(OURS, "--misbehave", "no-unmap"),
    )
    assert "claims to be revocable and is not" in verdicts.evidence("FAIL")


def test_callback_that_hangs_does_not_hang_the_judge() -> None:
    """It says where the kernel stands, and leaves out what it cannot try."""
    verdicts = judge(
        "--limit",
        "callback=100ms,fence=100ms,unmap=100ms,end=500ms",
        "--scenario",
        "revoke-mapped,revoke-busy",
        program=(OURS, "--misbehave", "slow-callback", "--delay", "10000"),
    )
    assert verdicts.cells["revoke-mapped", "I2"] == "FAIL"
    assert "is in the kernel: " in verdicts.evidence("FAIL")


#: Stands between the judge and our importer. When it runs for the first time, it stops the judge
#: for three seconds: "acts", from when the exporter acts, which has to take its time; "hears",
#: before the judge hears anything of the importer.
STOPPER = """
import os, signal, socket, subprocess, sys, threading, time

control = socket.socket(fileno=int(os.environ["DMABUF_REVOKE_CONTROL"]))
inner, outer = socket.socketpair()
environment = os.environ | {"DMABUF_REVOKE_CONTROL": str(outer.fileno())}
dmabuf = int(os.environ["DMABUF_REVOKE_FD"])
program = subprocess.Popen(
    sys.argv[3:], env=environment, pass_fds=[outer.fileno(), dmabuf]
)
os.close(dmabuf)
outer.close()

def acts(judge):
    with open(f"/proc/{judge}/task/{judge}/children") as children:
        return len(children.read().split()) > 1

def stop_once():
    try:
        os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    judge = os.getppid()
    while sys.argv[1] == "acts" and not acts(judge):
        time.sleep(0.001)
    os.kill(judge, signal.SIGSTOP)
    time.sleep(3)
    os.kill(judge, signal.SIGCONT)

def relay(source, target):
    while data := source.recv(4096):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)

if sys.argv[1] == "acts":
    threading.Thread(target=stop_once).start()
else:
    stop_once()
threading.Thread(target=relay, args=(control, inner)).start()
relay(inner, control)
program.wait()
"""


def test_machine_that_stood_still_is_tried_again(tmp_path: Path) -> None:
    """So that a verdict comes of it."""
    stopper, ran = tmp_path / "stopper.py", tmp_path / "ran"
    stopper.write_text(STOPPER)
    bug = (OURS, "--misbehave", "slow-callback", "--delay", "3000")
    verdicts = judge(
        "--limit",
        SHORT,
        "--scenario",
        "revoke-mapped",
        program=(sys.executable, str(stopper), "acts", str(ran), *bug),
    )
    assert ran.exists()
    assert verdicts.cells_of("FAIL") == {("revoke-mapped", "I2")}, verdicts.findings


@pytest.fixture
def crashes_are_logged() -> Iterator[None]:
    """The kernel does so for any program by default on some architectures only; not on arm64."""
    switch = Path("/proc/sys/debug/exception-trace")
    before = switch.read_text(encoding="ascii")
    switch.write_text("1", encoding="ascii")
    yield
    switch.write_text(before, encoding="ascii")


#: Once for each name, PID being its own; then it is our importer. A segfault is the one line of the
#: kernel's that begins with a name of ours.
LOGGING = """
import ctypes, os, sys

def log():
    ctypes.CDLL(None).prctl(15, b"rcu: INFO", 0, 0, 0)
    ctypes.string_at(0)

try:
    name = sys.argv[1].replace("PID", str(os.getpid()))
    os.close(os.open(name, os.O_CREAT | os.O_EXCL))
except FileExistsError:
    pass
else:
    child = os.fork()
    if not child:
        log()
    os.waitpid(child, 0)
os.execv(sys.argv[2], sys.argv[2:])
"""


def logging(name: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", LOGGING, str(name), OURS)


def test_stall_that_the_kernel_reports_fails(
    crashes_are_logged: None, tmp_path: Path
) -> None:
    """A control. If this machine stands still it is none."""
    for _ in range(5):
        program = logging(tmp_path / "PID")
        verdicts = judge("--scenario", "revoke-mapped", program=program)
        if "this machine did nothing" not in verdicts.evidence("UNKNOWN"):
            break
    assert verdicts.cells_of("FAIL") == {("revoke-mapped", "LOG")}
    assert "rcu: INFO" in verdicts.evidence("FAIL")


def test_stall_of_a_machine_that_stood_still_is_tried_again(
    crashes_are_logged: None, tmp_path: Path
) -> None:
    """Its watchdogs say so, too."""
    stopper, ran = tmp_path / "stopper.py", tmp_path / "ran"
    stopper.write_text(STOPPER)
    logs = logging(tmp_path / "logged")
    program = (sys.executable, str(stopper), "hears", str(ran), *logs)
    verdicts = judge("--scenario", "revoke-mapped", program=program)
    assert ran.exists() and (tmp_path / "logged").exists()
    assert not verdicts.cells_of("FAIL"), verdicts.evidence("FAIL")
    assert verdicts.cells["revoke-mapped", "LOG"] == "PASS"
