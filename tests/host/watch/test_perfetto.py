# SPDX-License-Identifier: GPL-2.0-only
"""The file for ui.perfetto.dev and chrome://tracing."""
from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from . import tracks
from .command import RECORDINGS, Event, named, record, watch

NAMES = sorted(path.stem for path in RECORDINGS.iterdir())


def write(compiled: Path, recording: Path, path: Path, *options: str) -> str:
    watch(compiled, recording, "--perfetto", str(path), *options)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_format_is_kept(compiled: Path, tmp_path: Path, name: str) -> None:
    found, wrong = tracks.read(write(compiled, named(name), tmp_path / "t"))
    assert wrong == []
    assert sum(len(track.spans) for track in found) > 5
    assert all(track.spans or track.points for track in found)


def test_tracks_are_the_rows(compiled: Path, tmp_path: Path) -> None:
    found, _ = tracks.read(write(compiled, named("demo"), tmp_path / "t"))
    assert {track.process for track in found} == {
        "buffer 1: dmabuf-revoke-exporter, 1 MiB, inode 9"
    }
    names = [track.name for track in found]
    assert names[:5] == [
        "exporter dmabuf-revoke-exporter",
        "exporter dmabuf-revoke-exporter, state",
        "exporter dmabuf-revoke-exporter, invalidate",
        "exporter dmabuf-revoke-exporter, fence wait",
        "resv lock, held",
    ]
    last = "importer 3: dmabuf-revoke-importer.3"
    assert [name for name in names if name.startswith(last)] == [
        f"{last}, dynamic, pinned",
        f"{last}, pinned",
        f"{last}, mapped",
        f"{last}, callback",
    ]


def test_times_are_exact(compiled: Path, tmp_path: Path) -> None:
    event: Event = {"what": "told", "buffer": 1, "attach": 1}
    event |= {"begin_ns": 1_234_567_890_123_456, "time_ns": 1_234_567_890_123_999}
    text = write(compiled, record(tmp_path / "r", event), tmp_path / "t")
    found, wrong = tracks.read(text)
    (span,) = [s for track in found for s in track.spans if s["name"] == "callback"]
    assert not wrong
    assert span["ts"] == Decimal("1234567890123.456")
    assert span["dur"] == Decimal("0.543")


def test_refused_calls_and_losses(compiled: Path, tmp_path: Path) -> None:
    text = write(compiled, named("misbehaving"), tmp_path / "t")
    found, _ = tracks.read(text)
    points = [point for track in found for point in track.points]
    (refused,) = [point for point in points if point["cat"] == "refused"]
    assert refused["args"]["result"] == "ENODEV"
    assert refused["args"]["by"] == "misbehave/311"
    (lost,) = [point for point in points if point["cat"] == "lost"]
    assert "12 events lost" in lost["args"]["what"]
    assert json.loads(text)["otherData"]["lost"].startswith("LOST: 12 events")


def test_one_buffer(compiled: Path, tmp_path: Path) -> None:
    events: list[Event] = [
        {"what": "export", "time_ns": b, "buffer": b, "name": '<\x01"\\>'}
        for b in (1, 2)
    ]
    recording = record(tmp_path / "r", *events)
    found, wrong = tracks.read(write(compiled, recording, tmp_path / "t"))
    assert not wrong and len(found) == 2
    found, wrong = tracks.read(
        write(compiled, recording, tmp_path / "t", "--buffer", "2")
    )
    assert not wrong and [track.process for track in found] == ['buffer 2: <\ufffd"\\>']


def spoil(text: str, change: str) -> str:
    document: dict[str, Any] = json.loads(text)
    events = document["traceEvents"]
    span = next(e for e in events if e["ph"] == "X" and e["name"] == "held")
    point = next(e for e in events if e["ph"] == "i")
    if change == "overlap":
        events.append({**span, "ts": span["ts"] + span["dur"] / 2})
    elif change == "phase":
        span["ph"] = "B"
    elif change == "scope":
        del point["s"]
    elif change == "duration":
        span["dur"] = -1
    elif change == "time":
        span["ts"] = "1"
    elif change == "category":
        del events[0]["cat"]
    elif change == "name":
        document["traceEvents"] = [e for e in events if e["name"] != "thread_name"]
    elif change == "process":
        for event in events:
            event["tid"] = event["tid"] and event["pid"]
    return json.dumps(document)


@pytest.mark.parametrize(
    "change", "overlap phase scope duration time category name process".split()
)
def test_control_a_broken_rule_is_noticed(
    compiled: Path, tmp_path: Path, change: str
) -> None:
    text = write(compiled, named("misbehaving"), tmp_path / "t")
    assert tracks.read(spoil(text, ""))[1] == []
    assert tracks.read(spoil(text, change))[1]
