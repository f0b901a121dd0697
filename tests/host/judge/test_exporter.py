# SPDX-License-Identifier: GPL-2.0-only
"""What test-exporter says of exporters, and of a machine, that no guest has: the scenarios are real,
what our modules answer is given."""
from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from .show import CHECKS, build, lives

#: What lib/exporter.c answers in place of the modules and of the pulse.
CALLS = (
    [f"dr_{name}" for name in "attach_as map unmap vmap vunmap status".split()]
    + [f"dr_{name}" for name in "segments submit wait event".split()]
    + [f"there_{name}" for name in "listed can_list walk mapped sees_all".split()]
    + ["partner_stop", "partner_is_gone"]
    + ["ioctl", "pulse_lost", "nanosleep", "fopen64"]
)

#: An importer is told; and nobody is.
TELL = "printf T >>told"
SUSPEND = f"suspend={TELL}"
RESTORE = "restore=true"
REVOKE = f"revoke={TELL}"
MOVE = f"move={TELL}"


#: gcc's library of checks takes its own frame for somebody's when a thread ends. A leak is none in
#: processes that end at any time.
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0:use_sigaltstack=0"}

#: For what never comes back, in ms: it takes a while to start a process beside other load.
LIMIT = {"LIMIT": "2500"}


class Said(NamedTuple):
    clause: str
    verdict: str
    text: str


@pytest.fixture(scope="module")
def exporter(command: Path) -> Path:
    wraps = [f"-Wl,--wrap={name}" for name in CALLS]
    out = command / "exporter"
    return build(command, out, *CHECKS.split(), *wraps, source="exporter.c")


class Judge:
    """Each time in a directory of its own, the last one of which is its place."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.program, self.directory = program, directory
        self.numbers = itertools.count()
        self.place = directory

    def say(self, scenario: str, /, *deeds: str, **environment: str) -> list[Said]:
        self.place = place = self.directory / str(next(self.numbers))
        place.mkdir()
        done = subprocess.run(
            [self.program, scenario, *deeds],
            cwd=place,
            env={**os.environ, **OPTIONS, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not done.returncode, done.stderr
        lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
        return [Said(*line) for line in lines]

    def of(self, clause: str, scenario: str, /, *deeds: str, **environment: str) -> str:
        """The one verdict, or the ones, on that clause."""
        said = self.say(scenario, *deeds, **environment)
        return " ".join(sorted({row.verdict for row in said if row.clause == clause}))


@pytest.fixture
def judge(exporter: Path, tmp_path: Path) -> Judge:
    return Judge(exporter, tmp_path)


def test_who_tells_nobody_of_a_restore_is_asked_by_a_map(judge: Judge) -> None:
    assert judge.of("E25", "restore", SUSPEND, RESTORE) == "PASS"
    refused = {"MAP": "0 -19"}
    assert judge.of("E25", "restore", SUSPEND, RESTORE, **refused) == "FAIL"


#: What is no breach: it may come of this machine, or of the user.
FOR_NOW = ["-4", "-11", "-12", "never"]


@pytest.mark.parametrize("result", FOR_NOW)
def test_what_fails_for_now_is_no_breach(judge: Judge, result: str) -> None:
    """Of a map that had to succeed, of an importer that had to be refused, of a job."""
    still = {"STILL": "5000", **LIMIT}
    maps = {"MAP": f"0 -19 {result}", **still}
    assert judge.of("E15", "suspend", SUSPEND, RESTORE, **maps) == "UNKNOWN"
    maps = {"MAP": f"0 {result}", **still}
    assert judge.of("E14", "move", f"move={TELL}", **maps) == "UNKNOWN"
    assert judge.of("E25", "restore", SUSPEND, RESTORE, **maps) == "UNKNOWN"
    told = f"restore={TELL}"
    assert judge.of("E25", "restore", SUSPEND, told, **maps) == "UNKNOWN"
    attaches = {"ATTACH": f"0 -95 {result}", **still}
    assert judge.of("E1", "legacy", f"revoke={TELL}", **attaches) == "UNKNOWN"
    jobs = {"ENGINE": "1", "WAIT": result, **still}
    assert judge.of("E14", "move", f"move={TELL}", **jobs) == "UNKNOWN"


def test_what_fails_for_good_is_a_breach(judge: Judge) -> None:
    """Controls: also what hangs while the machine is alive."""
    for result in ("-22", "never"):
        maps = {"MAP": f"0 -19 {result}", **LIMIT}
        assert judge.of("E15", "suspend", SUSPEND, RESTORE, **maps) == "FAIL"
        maps = {"MAP": f"0 {result}", **LIMIT}
        assert judge.of("E14", "move", f"move={TELL}", **maps) == "FAIL"
        told = f"restore={TELL}"
        assert judge.of("E25", "restore", SUSPEND, told, **maps) == "FAIL"
        attaches = {"ATTACH": f"0 -95 {result}", **LIMIT}
        assert judge.of("E1", "legacy", f"revoke={TELL}", **attaches) == "FAIL"
    jobs = {"ENGINE": "1", "WAIT": "-5"}
    assert judge.of("E14", "move", f"move={TELL}", **jobs) == "FAIL"


def test_time_that_is_over_where_nothing_ran_is_no_breach(judge: Judge) -> None:
    maps = {"MAP": "0 -19 -110"}
    assert judge.of("E15", "suspend", SUSPEND, RESTORE, **maps) == "FAIL"
    maps["STILL"] = "5000"
    assert judge.of("E15", "suspend", SUSPEND, RESTORE, **maps) == "UNKNOWN"


def test_user_who_asks_it_to_end_is_no_breach(judge: Judge) -> None:
    """Whatever fails after that."""
    jobs = {"ENGINE": "1", "WAIT": "-5", "IN_WAIT": "kill -TERM $PPID"}
    assert judge.of("E14", "move", f"move={TELL}", **jobs) == "UNKNOWN"


def test_what_was_interrupted_lacks_nothing(judge: Judge) -> None:
    """Nor does what takes too long: SKIP is what somebody can mend."""
    stops = "kill -TERM $PPID; sleep 60"
    suspend, restore = ("E15", "suspend"), ("E25", "restore")
    given = {"MAP": "0 -19", **LIMIT}
    for judged in (suspend, restore):
        assert judge.of(*judged, SUSPEND, f"restore={stops}", **given) == "UNKNOWN"
        assert judge.of(*judged, SUSPEND, "restore=sleep 60", **given) == "UNKNOWN"
        assert judge.of(*judged, f"suspend={stops}", **given) == "UNKNOWN"
        assert judge.of(*judged, SUSPEND, "restore=exit 3", **given) == "SKIP"
    assert judge.of("E1", "legacy", "revoke=kill -TERM $PPID; exit 3") == "UNKNOWN"


#: What it takes to end is a time that no test waits for.
PATIENT = {"END": "3600000"}


def test_who_asks_it_to_end_waits_for_no_program(judge: Judge) -> None:
    """A second time, that is: one that has not ended when it was asked to."""
    stops = "kill -TERM $PPID; exec sleep 600"
    assert judge.of("E18", "kinds", PROGRAM=stops, **PATIENT) == "UNKNOWN"
    stops = "kill -TERM $JUDGE; exec sleep 600"
    assert judge.of("E16", "descriptors", IN_EXPORT=stops, **PATIENT) == ""


def test_kill_that_takes_longer_where_nothing_ran_is_no_hang(judge: Judge) -> None:
    brief = {"END": "300", "HANGS": "1"}
    assert judge.of("LOG", "move", MOVE, **brief) == "FAIL"
    assert judge.of("LOG", "move", MOVE, **brief, STILL="60000") == "UNKNOWN"
    assert judge.of("LOG", "descriptors", **brief) == "FAIL"
    assert judge.of("LOG", "descriptors", **brief, STILL="60000") == "UNKNOWN"


def test_who_is_told_while_a_use_fails_breaks_nothing(judge: Judge) -> None:
    """An exporter may tell whenever it wants to, which ends a job."""
    jobs = {"ENGINE": "1", "WAIT": "-125", "IN_WAIT": TELL}
    assert judge.of("E14", "move", f"move={TELL}", **jobs) == "UNKNOWN"


def test_what_nobody_could_do_has_taken_nothing_back(judge: Judge) -> None:
    """A buffer that was given is there for what comes next."""

    def gone(scenario: str, *deeds: str, **environment: str) -> list[str]:
        said = judge.say(scenario, *deeds, **environment)
        return [row.text for row in said if row.verdict == "gone"]

    assert gone("suspend", REVOKE) == []
    assert gone("restore", REVOKE) == []
    assert gone("suspend", SUSPEND) == ["suspend"]
    assert gone("cpu", REVOKE) == ["cpu"]


def test_who_cannot_be_revoked_may_be_refused_by_pin(judge: Judge) -> None:
    """Which comes with the map of a static importer, on new kernels."""
    static = {"ATTACH": "0 0 -95", "MAP": "0 -95"}
    assert judge.of("E1", "legacy", REVOKE, **static) == "PASS"
    static["MAP"] = "0 -22"
    assert judge.of("E1", "legacy", REVOKE, **static) == "FAIL"
    static["MAP"] = "0 -12"
    assert judge.of("E1", "legacy", REVOKE, **static) == "UNKNOWN"


def test_refusal_of_who_cannot_be_revoked_may_come_with_the_map(judge: Judge) -> None:
    """Where the core pins: that is E1's, and no attach that should have failed."""
    refused = {"MAP": " ".join(["-95"] * 9)}
    fails = [row for row in judge.say("kinds", **refused) if row.verdict == "FAIL"]
    assert {row.clause for row in fails} == {"E18"}
    assert {row.text.split(":")[0] for row in fails} == {"dynamic", "pinned"}


def test_bounced_device_and_cpu_see_what_the_other_wrote(judge: Judge) -> None:
    """Only where the CPU's access is between two DMA_BUF_IOCTL_SYNC."""
    bounced = {"ENGINE": "1", "BOUNCED": "1"}
    assert judge.of("E14", "move", MOVE, **bounced) == "PASS"
    bounced["MAP"] = "0 -19 0 -19 0"
    assert judge.of("E15", "suspend", SUSPEND, RESTORE, **bounced) == "PASS"


def test_sync_that_fails_afterwards_is_a_breach(judge: Judge) -> None:
    """One that has never worked is none: then the device writes."""
    for result, verdict in (("-19", "FAIL"), ("-12", "UNKNOWN")):
        sync = {"SYNC": f"0 0 {result}"}
        assert judge.of("E14", "move", MOVE, **sync) == verdict
    assert judge.of("E14", "move", MOVE, SYNC="-25", ENGINE="1") == "PASS"
    for result in ("-25", "never"):
        assert judge.of("E14", "move", MOVE, SYNC=result, **LIMIT) == "SKIP"


def test_contents_that_are_others_are_a_breach(judge: Judge) -> None:
    """A control, for CPU and device."""
    lost = (
        f"{MOVE}; dd if=/dev/zero of=buffer bs=65536 count=1 conv=notrunc 2>/dev/null"
    )
    assert judge.of("E14", "move", lost) == "FAIL"
    assert judge.of("E14", "move", lost, ENGINE="1") == "FAIL"


def test_move_of_a_pinned_buffer_is_seen(judge: Judge) -> None:
    """What its importer writes is there, or it is not known whether it has moved."""
    engine = {"ENGINE": "1"}
    pinned = ("E14", "move-pinned")
    assert judge.of(*pinned, "move=true", **engine) == "PASS"
    assert judge.of(*pinned, "move=exit 3", **engine) == "PASS"
    assert judge.of(*pinned, "move=touch moved", **engine) == "FAIL"
    # A device looks where no CPU can.
    other = {"SYNC": "-25", **engine}
    assert judge.of(*pinned, "move=true", **other) == "PASS"
    assert judge.of(*pinned, "move=touch moved", **other) == "FAIL"
    assert judge.of(*pinned, f"move={TELL}", **engine) == "FAIL"
    assert judge.of(*pinned, "move=true") == "UNKNOWN"
    assert judge.of(*pinned, "move=sleep 60", **LIMIT, **engine) == "UNKNOWN"
    assert judge.of(*pinned, "move=true", WAIT="-12", **engine) == "UNKNOWN"


def test_second_revoke_tells_nobody(judge: Judge) -> None:
    once = f"revoke=test -e told || {TELL}"
    after = {"MAP": "0 0 -19", "ATTACH": "0 0 -95 -19"}
    assert judge.of("E8", "told", once, **after) == "PASS"
    assert judge.of("E8", "told", REVOKE, **after) == "FAIL"


#: Importers are told, and what is waited for comes a second later; or long after the revoke.
EARLY = "printf TUJ >>told; until test -e seen; do sleep 0.05; done"
WAITS = f"{EARLY}; sleep 1"
LONG = {"SCALE": "60"}


@pytest.mark.parametrize("scenario, clause", [("fence-read", "E5"), ("unmap", "E6")])
def test_revoke_that_fails_at_once_has_not_waited(
    judge: Judge, scenario: str, clause: str
) -> None:
    def said(deed: str, **more: str) -> str:
        return judge.of(clause, scenario, f"revoke={deed}", ENGINE="1", **more)

    assert said(f"{EARLY}; exit 1", **LONG) == "UNKNOWN"
    assert said(f"{WAITS}; exit 1") == "PASS"
    assert said(WAITS) == "PASS"
    assert said(EARLY, **LONG) == "FAIL"


#: It only makes somebody else do it.
TRIGGERS = "(sleep 0.3; printf TUJ >>told) & exit 0"


def test_command_that_only_triggers_breaks_nothing(judge: Judge) -> None:
    """It is over before importers are told: the judge cannot know when the revoke is."""
    engine = {"ENGINE": "1", **LONG}
    for scenario, clauses in (("fence-read", "E5"), ("unmap", "E6"), ("cpu", "E4 E9")):
        for clause in clauses.split():
            found = judge.of(clause, scenario, f"revoke={TRIGGERS}", **engine)
            assert found == "UNKNOWN", scenario
    given = {"MAP": "0 -19"}
    assert judge.of("E4", "told", f"revoke={TRIGGERS}") == "UNKNOWN"
    assert judge.of("E15", "suspend", f"suspend={TRIGGERS}", RESTORE, MAP="0") == (
        "UNKNOWN"
    )
    assert (
        judge.of("E4", "suspend", f"suspend={TRIGGERS}", RESTORE, **given) == "UNKNOWN"
    )
    assert judge.of("E4", "told", "revoke=true", **LIMIT) == "FAIL"
    assert (
        judge.of("E4", "suspend", "suspend=true", RESTORE, **given, **LIMIT) == "FAIL"
    )


#: A program that exports, and tells only after it has said that the revoke is over; "early": before.
PROGRAM = """
import array, os, socket, sys, time

def tell():
    with open("told", "a") as told:
        told.write("TUJ")

control = socket.socket(fileno=int(os.environ["DMABUF_REVOKE_CONTROL"]))
buffer = array.array("i", [os.open("buffer", os.O_RDWR)])
control.sendmsg([b"buffer\\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, buffer)])
late = sys.argv[1] == "late"
while control.recv(64).startswith(b"revoke"):
    if not late:
        tell()
        while not os.path.exists("seen"):
            time.sleep(0.05)
        time.sleep(1)
    control.send(b"done 0\\n")
    if late:
        time.sleep(0.3)
        tell()
"""


@pytest.mark.parametrize("scenario, clause", [("fence-read", "E5"), ("unmap", "E6")])
def test_program_that_tells_when_it_is_done_has_not_waited(
    judge: Judge, scenario: str, clause: str, tmp_path: Path
) -> None:
    """Unlike a command it knows when the revoke is over."""
    file = tmp_path / "program"
    file.write_text(PROGRAM, encoding="ascii")
    for when, verdict in (("early", "PASS"), ("late", "FAIL")):
        program = f"exec {sys.executable} {file} {when}"
        assert judge.of(clause, scenario, ENGINE="1", PROGRAM=program) == verdict


#: Those in which somebody needs the resv lock while the revoke waits.
LOCKS = ("lock", "lock-unmap")


@pytest.mark.parametrize("scenario", LOCKS)
def test_map_that_fails_for_now_was_not_refused(judge: Judge, scenario: str) -> None:
    """Nor does one that succeeds break anything once the revoke has failed."""

    def said(deed: str, result: str, **more: str) -> str:
        given = {"ENGINE": "1", "MAP": f"0 0 {result}", **more}
        return judge.of("E2", scenario, f"revoke={deed}", **given)

    assert said(WAITS, "-19") == "PASS"
    assert said(WAITS, "-12") == "UNKNOWN"
    assert said(WAITS, "0") == "FAIL"
    fails_meanwhile = "! test -e seen || sleep 0.5"
    late = {"IN_MAP": fails_meanwhile, **LONG}
    assert said(f"{EARLY}; exit 1", "0", **late) == "UNKNOWN"


def test_who_has_mapped_nothing_is_told_too(judge: Judge) -> None:
    """An exporter that looks for mappings before it tells anybody leaves that one out."""
    assert judge.of("E4", "cpu", REVOKE) == "PASS"
    assert judge.of("E4", "cpu", "revoke=true") == "FAIL"
    assert judge.of("E4", "cpu", f"revoke={TELL}; {TELL}") == "FAIL"
    assert judge.of("E4", "cpu", "revoke=exit 3") == "SKIP"
    refused = {"ATTACH": "-95"}
    assert judge.of("E4", "cpu", "revoke=true", **refused) == "SKIP"


#: One more after each try of PROGRAM, and none without it.
LEAKS = {"LISTED": "0 1 1 2 2 2", "END": "300"}


def test_who_leaves_one_each_time_leaks(judge: Judge) -> None:
    """A control."""
    assert judge.of("E16", "descriptors", **LEAKS) == "FAIL"
    assert judge.of("E16", "descriptors", LISTED="0") == "PASS"


@pytest.mark.parametrize(
    "given, verdict",
    [
        ({"SIZE": "4096"}, "PASS"),
        ({"LISTED": "0 1 1 4 4 4"}, "UNKNOWN"),
        ({"LISTED": "0 1 1 2 2 3"}, "UNKNOWN"),
        ({"UNSEEN": "1"}, "UNKNOWN"),
    ],
    ids=["another size", "once more", "without it", "unseen"],
)
def test_what_others_export_meanwhile_is_no_leak(
    judge: Judge, given: dict[str, str], verdict: str
) -> None:
    """They may use the same exporter all the time, and keep what no process has open."""
    assert judge.of("E16", "descriptors", **{**LEAKS, **given}) == verdict


def test_what_cannot_be_read_is_no_keeping(judge: Judge) -> None:
    assert judge.of("E16", "descriptors", LISTED="no") == "UNKNOWN"


def test_what_the_program_has_started_ends_with_it(judge: Judge) -> None:
    """Also when the judge is asked to end, before it has come to a verdict."""
    for then in ("true", "kill -TERM $JUDGE"):
        judge.say("descriptors", IN_EXPORT=then, LISTED="0")
        assert not lives(int((judge.place / "started").read_text("ascii")))


def test_memory_that_outlives_its_exporter_may_be_mapped(judge: Judge) -> None:
    """Also where importers are told that it goes: there is no revoke that it could be."""
    removed = f"remove={TELL}"
    memory = {"MEMORY": "1"}
    assert judge.of("E13", "remove", removed, **memory) == "SKIP"
    assert judge.of("E13", "remove", removed, REVOKE, **memory) == "FAIL"
    assert judge.of("E13", "remove", removed) == "FAIL"
    assert judge.of("E13", "remove", removed, **memory, MAP="0 -19") == "PASS"
    # Whether it has one it has not said.
    late = "revoke=sleep 60"
    assert judge.of("E13", "remove", removed, late, **memory, **LIMIT) == "UNKNOWN"


@pytest.mark.parametrize("scenario", LOCKS)
def test_map_that_computes_is_not_blocked(judge: Judge, scenario: str) -> None:
    """Somebody who needs the resv lock, and gets it, may take as long as he wants to."""
    told = {"ENGINE": "1", "MAP": "0 0 -19"}
    assert judge.of("E7", scenario, f"revoke={WAITS}", **told, COMPUTES="400") == "PASS"
    slow = {"IN_MAP": "! test -e seen || sleep 1"}
    assert judge.of("E7", scenario, f"revoke={WAITS}", **told, **slow) == "FAIL"
    # If it has stood still meanwhile nobody was there who needed the lock.
    still = {"COMPUTES": "400", "STILL": "400"}
    assert judge.of("E7", scenario, f"revoke={WAITS}", **told, **still) == "UNKNOWN"


@pytest.mark.parametrize("scenario", LOCKS)
def test_map_that_never_comes_back_has_the_lock(judge: Judge, scenario: str) -> None:
    never = {"ENGINE": "1", "MAP": "never", **LIMIT}
    assert judge.of("E7", scenario, f"revoke={WAITS}", **never) == "FAIL"


@pytest.mark.parametrize("scenario", LOCKS)
def test_lock_ends_where_nobody_is_told(judge: Judge, scenario: str) -> None:
    quiet = {"ENGINE": "1", "MAP": "0", **LIMIT}
    assert judge.of("E7", scenario, "revoke=true", **quiet) == "UNKNOWN"


def test_command_may_move_twice(judge: Judge) -> None:
    """Of a program it is FAIL: TELL_TWICE of tests/command/judge/test_exporters.py."""
    assert judge.of("E4", "move", f"{MOVE}; {TELL}") == "UNKNOWN"
    assert judge.of("E4", "move", MOVE) == "PASS"


def test_what_it_rests_on_is_true(judge: Judge) -> None:
    """Who was let in was not refused; a move that waits is no machine that stood still."""

    def text(*words: str, **environment: str) -> str:
        return " ".join(row.text for row in judge.say(*words, **environment))

    refused = {"ATTACH": "0 -95"}
    assert "legacy-rdma were refused" in text("legacy", REVOKE, **refused)
    old = text("legacy", REVOKE, **refused, OLD="1")
    assert "legacy-static was refused" in old and "nothing tells legacy-rdma" in old
    waits = f"{MOVE}; sleep 1"
    assert "until the old mapping was gone" in text("move-mapped", waits)
    assert "not alive" in text("move-mapped", waits, STILL="5000")


def test_each_page_is_touched(judge: Judge) -> None:
    """One that is gone says nothing of the others."""
    zero = "dd if=/dev/zero of=buffer bs=65536 conv=notrunc 2>/dev/null"

    def said(end: str) -> str:
        return judge.of("E9", "cpu", f"{REVOKE}; {end}")

    assert said("true") == "FAIL"
    assert said(f"{zero} count=2") == "PASS"
    assert said(f"{zero} count=1") == "FAIL"
    # The second one, and all, end in SIGBUS.
    assert said("truncate -s 65536 buffer") == "FAIL"
    assert said(f"{zero} count=1; truncate -s 65536 buffer") == "PASS"
    assert said("truncate -s 0 buffer") == "PASS"


def test_segments_that_cannot_be_listed_are_not_right(judge: Judge) -> None:
    """That they could be mapped says nothing of addresses."""
    assert judge.of("E19", "kinds") == "PASS"
    said = judge.say("kinds", SEGMENTS="-12")
    assert {row[:2] for row in said} == {("E18", "PASS"), ("E19", "UNKNOWN")}
