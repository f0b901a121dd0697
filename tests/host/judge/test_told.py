# SPDX-License-Identifier: GPL-2.0-only
"""What is said of an importer that was told, for orders of events that no guest shows on demand:
late threads of the kernel, lost events, attachments that come and go."""
from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..sample import REPOSITORY
from .show import CHECKS, build


def numbers() -> dict[str, int]:
    """Of enum watch_what."""
    text = (REPOSITORY / "tools/watch/event.h").read_text(encoding="ascii")
    names = [
        line.split()[0].rstrip(",")
        for line in text[text.index("enum watch_what") :].splitlines()
        if line.startswith("\tWATCH_")
    ]
    return {name.removeprefix("WATCH_"): number for number, name in enumerate(names)}


WHAT = numbers()


@dataclass(frozen=True)
class Event:
    what: str
    time: int
    begin: int = 0
    attach: int = 1
    seqno: int = 0
    moves: int = 0
    result: int = 0
    name: str = "-"

    def __str__(self) -> str:
        return (
            f"{WHAT[self.what]} {self.time} {self.begin} {self.attach} 5 {self.seqno} "
            f"{self.moves} {self.result} {self.name}"
        )


ATTACH = Event("ATTACH", 1, name="revocable")
MAP = Event("MAP", 2)
TOLD = Event("INVALIDATE", 11, 10, attach=0)
UNMAP = Event("UNMAP", 12)


@pytest.fixture(scope="module")
def told(command: Path) -> Path:
    flags = [*CHECKS.split(), "-Wl,--wrap=own_record_take"]
    return build(command, command / "told", *flags, source="told.c")


def verdicts(
    program: Path, clauses: str, *events: Event, ret: int = 0
) -> tuple[str, dict[str, str]]:
    """What holds of it, and of each clause the verdict."""
    ordered = sorted(events, key=lambda event: event.time)
    done = subprocess.run(
        [program, clauses, str(ret)],
        input="".join(f"{event}\n" for event in ordered),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    first, *rows = done.stdout.splitlines()
    return first, {row.split()[0]: row.split()[1] for row in rows}


def test_who_does_all_in_time_passes(told: Path) -> None:
    first, found = verdicts(told, "I2 I4", ATTACH, MAP, TOLD, UNMAP)
    assert first == "pinned 0 told 1 keeps 0"
    assert found == {"I2": "PASS", "I4": "PASS"}


def test_who_unmaps_late_fails(told: Path) -> None:
    found = verdicts(told, "I2 I4", ATTACH, MAP, TOLD, Event("UNMAP", 400))[1]
    assert found == {"I2": "PASS", "I4": "FAIL"}


def test_unmap_of_what_was_mapped_after_a_move_is_not_that_of_before(
    told: Path,
) -> None:
    """Both are of one attachment."""
    anew = Event("MAP", 12, moves=1)
    for moves, verdict in ((0, "PASS"), (1, "FAIL")):
        unmap = Event("UNMAP", 13, moves=moves)
        found = verdicts(told, "I4", ATTACH, MAP, TOLD, anew, unmap)[1]
        assert found == {"I4": verdict}


def test_who_has_detached_before_was_not_told(told: Path) -> None:
    gone = [Event("UNMAP", 3), Event("DETACH", 4)]
    first, found = verdicts(told, "I2 I4 I8", ATTACH, MAP, *gone, TOLD)
    assert first == "pinned 0 told 0 keeps 0" and not found


def test_who_attaches_later_was_not_told(told: Path) -> None:
    first, found = verdicts(
        told, "I2 I4", Event("ATTACH", 12, name="revocable"), TOLD, Event("MAP", 13)
    )
    assert first.startswith("pinned 0 told 0") and not found


def test_fence_counts_when_it_signals_and_not_when_that_is_noticed(told: Path) -> None:
    """The exporter's worker may come late."""
    signal = Event("FENCE_SIGNAL", 50, seqno=3)
    noticed = Event("FENCE_WAIT", 900, 12, attach=0, seqno=3)
    unmap = Event("UNMAP", 901)
    assert verdicts(told, "I8", ATTACH, MAP, TOLD, signal, noticed, unmap)[1] == {
        "I8": "PASS"
    }
    late = Event("FENCE_SIGNAL", 800, seqno=3)
    both = {"I8": "FAIL", "I4": "PASS"}
    assert verdicts(told, "I8 I4", ATTACH, MAP, TOLD, late, noticed, unmap)[1] == both
    assert verdicts(told, "I8 I4", ATTACH, MAP, TOLD, noticed, unmap)[1] == both


PIN, UNPIN = Event("PIN", 2), Event("UNPIN", 3)


def test_pin_counts_that_is_held_when_it_is_told(told: Path) -> None:
    """Who pins for a while, such as a screen that is shown, is not dead afterwards."""
    first, found = verdicts(told, "I5", ATTACH, PIN, UNPIN, TOLD)
    assert first.startswith("pinned 0 told 1") and "I5" not in found


def test_pin_may_be_kept_until_the_fence_has_signalled(told: Path) -> None:
    """As the mapping, which goes first."""
    noticed = Event("FENCE_WAIT", 400, 12, attach=0, seqno=3)
    signal = Event("FENCE_SIGNAL", 400, seqno=3)
    events = [ATTACH, PIN, MAP, TOLD, signal, noticed, Event("UNMAP", 450)]
    soon, late = Event("UNPIN", 460), Event("UNPIN", 510)
    assert verdicts(told, "I4 I5", *events, soon)[1] == {"I4": "PASS", "I5": "PASS"}
    assert verdicts(told, "I4 I5", *events, late)[1] == {"I4": "PASS", "I5": "FAIL"}


def test_beginning_that_was_lost_is_no_long_time(told: Path) -> None:
    lost = Event("LOST", 9, attach=0)
    for events in ([TOLD, lost], [Event("INVALIDATE", 11, 0, attach=0), lost]):
        found = verdicts(told, "I2 I4 I8", ATTACH, MAP, UNMAP, *events)[1]
        assert set(found.values()) <= {"UNKNOWN"}


def test_what_was_lost_neither_fails_nor_passes(told: Path) -> None:
    """The first of two unmaps, say: then the second one is no late one."""
    lost = Event("LOST", 12, attach=0)
    for unmap in (12, 600):
        found = verdicts(told, "I4", ATTACH, MAP, TOLD, lost, Event("UNMAP", unmap))[1]
        assert found == {"I4": "UNKNOWN"}


def test_ten_thousand_attachments_take_no_minutes(told: Path) -> None:
    """Of one that maps for each job, with a handle for each."""
    events = [
        Event(what, 3 + i // 100, attach=2 + i, name=name)
        for i in range(10000)
        for what, name in (
            ("ATTACH", "revocable"),
            ("MAP", "-"),
            ("UNMAP", "-"),
            ("DETACH", "-"),
        )
    ]
    at = Event("INVALIDATE", 201, 200, attach=0)
    found = verdicts(told, "I2 I4 I5", ATTACH, MAP, *events, at, Event("UNMAP", 202))[1]
    assert found == {"I2": "PASS", "I4": "PASS"}
