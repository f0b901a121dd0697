# SPDX-License-Identifier: GPL-2.0-only
"""JSON lines are read as they were written; what is wrong with them is said."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ..sample import REPOSITORY
from .command import ORIGIN, RECORDINGS, Event, events_of, named, record, watch

NAMES = sorted(path.stem for path in RECORDINGS.iterdir())
MAGIC = b"\x17\x08\x44tracing6\0"


def words() -> list[str]:
    """Of "what", from the source."""
    text = (REPOSITORY / "tools/watch/event.h").read_text()
    body = text.partition("enum watch_what {")[2].partition("};")[0]
    names = [
        line.split(",")[0].strip() for line in body.splitlines() if "WATCH_" in line
    ]
    return [name.removeprefix("WATCH_").lower() for name in names]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_printed_again(compiled: Path, name: str) -> None:
    done = watch(compiled, named(name), "--json")
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert printed[1:] == events_of(named(name))
    assert printed[0]["kernel"].endswith("-amd64")
    assert not done.stderr


def test_every_member_and_word(compiled: Path, tmp_path: Path) -> None:
    most = 2**64 - 1
    event: Event = dict.fromkeys(
        "time_ns begin_ns buffer attach inode size".split(), most
    )
    event |= dict.fromkeys("context seqno address".split(), most)
    event |= {"pid": 2**32 - 1, "usage": 3, "result": -4095}
    event |= {"locked": 1, "guessed": 1, "ours": 1, "unfinished": 1, "signalled": 1}
    full = {
        **event,
        "comm": "c" * 15,
        "device": "d" * 63,
        "name": '"\\\u00e4\U0001f600',
    }
    events: list[Event] = [{"what": word, **full} for word in words()]
    assert len(events) > 25
    done = watch(compiled, record(tmp_path / "r", *events), "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()[1:]] == events


def test_it_reads_stdin(compiled: Path, tmp_path: Path) -> None:
    command = [str(compiled / "tools/dmabuf-revoke"), "watch", "--from", "-", "--json"]
    with named("vfio").open() as file:
        done = subprocess.run(command, stdin=file, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 1 + len(events_of(named("vfio")))


def test_what_is_not_known_is_left_out_with_a_note(
    compiled: Path, tmp_path: Path
) -> None:
    known: Event = {"what": "mmap", "time_ns": 7, "buffer": 1}
    later = {**known, "colour": {"of": ["the", 1, None, {}, []]}, "x": -1.5e3}
    path = record(tmp_path / "r", {"what": "painted", "time_ns": 3}, later)
    done = watch(compiled, path, "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()[1:]] == [known]
    assert "left out 1 events of unknown kinds, as 'painted'" in done.stderr
    assert "left out 2 unknown members, as 'colour'" in done.stderr


GOOD = '{"what": "mmap", "time_ns": 1, "buffer": 1}'

BROKEN = [
    ("{", "not JSON"),
    ("[]", "no JSON object"),
    ("mmap", "no JSON object"),
    (GOOD[:-1], "not JSON"),
    (GOOD + "x", "not JSON"),
    (GOOD + GOOD, "not JSON"),
    ('{"time_ns": 1}', 'no "what" in it'),
    ('{"what": 1}', '"what" is no text'),
    ('{"what": "map", "time_ns": -1}', "a number from 0 is expected"),
    ('{"what": "map", "time_ns": 1.5}', "a number from 0 is expected"),
    ('{"what": "map", "time_ns": 1e3}', "a number from 0 is expected"),
    ('{"what": "map", "time_ns": 01}', "a number from 0 is expected"),
    ('{"what": "map", "time_ns": "1"}', "a number from 0 is expected"),
    ('{"what": "map", "time_ns": 18446744073709551616}', "that fits"),
    ('{"what": "map", "pid": 4294967296}', "that fits"),
    ('{"what": "map", "locked": 256}', "that fits"),
    ('{"what": "map", "result": -2147483648}', "an errno"),
    ('{"what": "map", "result": - 1}', "an errno"),
    ('{"what": "map", "name": 7}', "a text is expected"),
    ('{"what": "map", "name": "x}', "a text is expected"),
    ('{"what": "map", "name": "\\q"}', "a text is expected"),
    ('{"what": "map", "name": "\\u12"}', "a text is expected"),
    ('{"what": "map", "x": ' + "[" * 100 + "]" * 100 + "}", "not JSON"),
    ('{"what": "map", "x": }', "not JSON"),
    ('{"what": "map",}', "not JSON"),
    ('{"what": "map", "name": "' + "x" * 70000 + '"}', "too long"),
]


@pytest.mark.parametrize("line, why", BROKEN)
def test_a_broken_line_is_named(
    compiled: Path, tmp_path: Path, line: str, why: str
) -> None:
    path = tmp_path / "r"
    path.write_text("\n".join([json.dumps(ORIGIN), GOOD, "", line, GOOD, ""]))
    done = watch(compiled, path, status=1)
    assert f"{path}, line 4: " in done.stderr and why in done.stderr
    assert not done.stdout


NO_RECORDINGS = [
    (b"", "is empty"),
    (b"\n", "line 1: no recording begins so"),
    (b"{}\n", "line 1: no recording begins so"),
    (GOOD.encode(), "line 1: no recording begins so"),
    (b'{"dmabuf_revoke_watch": 2}\n', "line 1: a recording of another version"),
    (b"\0" * 100, "line 1: too long, or no text"),
    (MAGIC, "trace.dat"),
]


@pytest.mark.parametrize("data, why", NO_RECORDINGS)
def test_what_is_no_recording(
    compiled: Path, tmp_path: Path, data: bytes, why: str
) -> None:
    (tmp_path / "r").write_bytes(data)
    assert why in watch(compiled, tmp_path / "r", status=1).stderr


def test_files_that_cannot_be_read_or_written(compiled: Path, tmp_path: Path) -> None:
    done = watch(compiled, tmp_path / "none", status=1)
    assert "none: No such file or directory (ENOENT)" in done.stderr
    assert "EISDIR" in watch(compiled, tmp_path, status=1).stderr
    for option in ("--svg", "--perfetto"):
        done = watch(compiled, named("demo"), option, "/dev/full", status=1)
        assert "/dev/full: No space left on device (ENOSPC)" in done.stderr
        done = watch(compiled, named("demo"), option, f"{tmp_path}/a/b", status=1)
        assert "(ENOENT)" in done.stderr


def test_order_is_made(compiled: Path, tmp_path: Path) -> None:
    """Recorders of several CPUs may write them in any; those of one time stay as they are."""
    path = tmp_path / "r"
    ordered = watch(compiled, named("misbehaving")).stdout
    record(path, *reversed(events_of(named("misbehaving"))), origin={**ORIGIN})
    assert watch(compiled, path).stdout == ordered
    same: list[Event] = [
        {"what": "state", "time_ns": 5, "buffer": 1, "name": name} for name in "cab"
    ]
    early: Event = {"what": "export", "time_ns": 1, "buffer": 1}
    done = watch(compiled, record(path, *same, early), "--json")
    printed = [json.loads(line) for line in done.stdout.splitlines()[1:]]
    assert printed == [early, *same]
