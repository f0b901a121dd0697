# SPDX-License-Identifier: GPL-2.0-only
"""The figures of a recording, which was written by hand, and what is said not to be known."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .command import Event, named, record, summary, watch


def importers(document: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {row["importer"]: row for row in document["importers"] if row["importer"]}


def refused(document: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    return [
        (row["who"], row["call"], row["error"], row["times"])
        for row in document["refused"]
    ]


def test_demo(compiled: Path) -> None:
    document = summary(compiled, named("demo"))
    assert document["recording"]["lost"] == document["recording"]["dropped"] == 0
    (buffer,) = document["buffers"]
    assert buffer["exporter"] == "dmabuf-revoke-exporter"
    assert (buffer["importers"], buffer["invalidations"]) == (3, 1)
    assert buffer["longest_ns"] == 10_313_000
    found = importers(document)
    assert [row["kind"] for row in found.values()] == [
        "dynamic",
        "dynamic",
        "dynamic, pinned",
    ]
    times = [
        (row["told"], row["callback_ns"], row["fences_ns"], row["unmap_ns"])
        for row in found.values()
    ]
    assert times == [
        (1, 755_000, 523_000, 672_000),
        (1, 77_000, 18_168_000, 18_603_000),
        (1, 8_933_000, 418_000, 643_000),
    ]
    assert all(row["fences_guessed"] for row in found.values())
    assert all(row["unmap_end"] == "ended" for row in found.values())
    assert found[3]["pins"] == found[3]["unpins"] == 1
    assert document["locked_waits"] == []
    device = "dmabuf-revoke-importer"
    assert refused(document) == [
        (f"not attached: {device}.4", "attach", "EOPNOTSUPP", 1),
        (f"not attached: {device}.5", "attach", "EOPNOTSUPP", 1),
        (f"not attached: {device}.1", "attach", "ENODEV", 1),
        (f"importer 1: {device}.1", "map", "ENODEV", 2),
        (f"importer 2: {device}.2", "map", "ENODEV", 2),
        ("CPU", "mmap", "ENODEV", 1),
        ("CPU", "cpu_begin", "ENODEV", 1),
    ]


def test_lock_held_over_a_wait(compiled: Path) -> None:
    document = summary(compiled, named("vfio"))
    (wait,) = document["locked_waits"]
    assert wait["who"] == "vfio/138"
    assert (wait["waited_ns"], wait["held_ns"]) == (302_900_000, 303_500_000)
    assert (wait["others"], wait["longest_ns"]) == (1, 121_400_000)
    assert wait["longest_who"] == "vfio/143"
    (importer,) = document["importers"]
    assert importer["callback"] == "virtgpu_dma_buf_move_notify"
    assert (importer["told"], importer["maps"], importer["refused"]) == (0, 0, 1)
    text = watch(compiled, named("vfio"), "--summary").stdout
    assert "Waits for fences with the resv lock held" in text
    assert "302.9 ms 303.5 ms" in text


def test_misbehaviour_is_visible(compiled: Path) -> None:
    document = summary(compiled, named("misbehaving"))
    rows = importers(document)
    # FENCE_AFTER, told twice, slow
    assert (rows[4]["fences_end"], rows[4]["told"]) == ("never", 2)
    assert rows[4]["callback_ns"] == 150_000_000
    # LATE_UNMAP, LATE_MAP, DOUBLE_UNPIN
    assert rows[5]["unmap_ns"] == 151_100_000
    assert (rows[5]["maps"], rows[5]["unmaps"]) == (2, 1)
    assert (rows[5]["pins"], rows[5]["unpins"]) == (0, 1)
    # NO_UNMAP, KEEP_PIN
    assert (rows[6]["unmap_end"], rows[6]["unmaps"]) == ("detach", 0)
    assert (rows[6]["pins"], rows[6]["unpins"]) == (1, 0)
    # REMAP
    assert rows[7]["refused"] == 1
    assert (rows[8]["kind"], rows[8]["told"]) == ("static", 0)


def test_losses_come_first(compiled: Path) -> None:
    views: list[list[str]] = [[], ["--summary"]]
    for options in views:
        text = watch(compiled, named("misbehaving"), *options).stdout
        assert text.startswith("LOST: 12 events in 1 gap: ")
        assert "LOST" not in watch(compiled, named("demo"), *options).stdout
    recording = summary(compiled, named("misbehaving"))["recording"]
    assert (recording["lost"], recording["lost_times"]) == (12, 1)


def notes(compiled: Path, recording: Path) -> str:
    return "\n".join(row["note"] for row in summary(compiled, recording)["not_known"])


def test_what_is_not_known_is_said(compiled: Path, tmp_path: Path) -> None:
    demo = notes(compiled, named("demo"))
    assert "whether a device goes on with DMA" in demo
    assert "which importer a fence belongs to" in demo
    assert "before the recording" not in demo and "resv lock" not in demo
    assert "before the recording" in notes(compiled, named("misbehaving"))
    assert "which importer a fence" not in notes(compiled, named("vfio"))
    events: list[Event] = [
        {"what": "unmap", "time_ns": 9, "buffer": 1, "attach": 2},
        {"what": "pin", "time_ns": 10},
    ]
    text = notes(compiled, record(tmp_path / "r", *events))
    assert "how 1 importers attached" in text
    assert "which buffer 1 events belong to" in text
    assert "who held the resv lock" in text


def test_beginnings_and_ends_that_nobody_saw(compiled: Path, tmp_path: Path) -> None:
    at = {"buffer": 1, "attach": 1}
    events: list[Event] = [
        {"what": "mmap", "time_ns": 100, "buffer": 1},
        {"what": "told", "time_ns": 300, "begin_ns": 200, **at},
        {"what": "unmap", "time_ns": 250, **at},
        {"what": "fence_signal", "time_ns": 260, "context": 5, "seqno": 1, **at},
        {"what": "map", "time_ns": 400, **at},
        {"what": "told", "time_ns": 900, "begin_ns": 800, "unfinished": 1, **at},
        {"what": "mmap", "time_ns": 1000, "buffer": 1},
    ]
    document = summary(compiled, record(tmp_path / "r", *events))
    (row,) = document["importers"]
    assert (row["kind"], row["told"]) == ("not known", 2)
    # the mapping of the second time, which outlives the recording
    assert (row["unmap_end"], row["unmap_ns"]) == ("never", 200)
    assert (row["fences_end"], row["fences_ns"]) == ("ended", 60)


def test_an_access_ends_when_its_thread_begins_another(
    compiled: Path, tmp_path: Path
) -> None:
    events: list[Event] = [
        {"what": "cpu_begin", "time_ns": t, "buffer": 1, "pid": p}
        for t, p in [(100, 1), (200, 2), (300, 1), (400, 1)]
    ]
    events.append({"what": "cpu_end", "time_ns": 900, "buffer": 1, "pid": 1})
    events.append({"what": "mmap", "time_ns": 1000, "buffer": 1})
    text = watch(compiled, record(tmp_path / "r", *events)).stdout
    assert "access 800 ns by ?/2, the longest of 4" in text
    assert "beyond" not in notes(compiled, tmp_path / "r")


def test_a_fence_that_had_signalled_is_not_pending(
    compiled: Path, tmp_path: Path
) -> None:
    """It ends nothing either: of the same number on another buffer nobody says that."""
    fence: Event = {"context": 3, "attach": 1, "buffer": 1}
    events: list[Event] = [
        {"what": "fence_add", "time_ns": 10, "seqno": 1, **fence},
        {"what": "fence_add", "time_ns": 22, "seqno": 2, "signalled": 1, **fence},
        {"what": "fence_signal", "time_ns": 21, "seqno": 1, **fence},
        {"what": "told", "time_ns": 30, "begin_ns": 20, "buffer": 1, "attach": 1},
        {"what": "mmap", "time_ns": 1000, "buffer": 1},
    ]
    path = record(tmp_path / "r", *events)
    (row,) = summary(compiled, path)["importers"]
    assert (row["fences_end"], row["fences_ns"]) == ("ended", 1)
    watch(compiled, path, "--svg", f"{tmp_path}/p.svg")
    drawn = (tmp_path / "p.svg").read_text()
    (title,) = re.findall(r"fence 3:2,[^<]*", drawn)
    assert title.startswith("fence 3:2, kernel, of importer 1, had signalled\n")
    # The control.
    events[1].pop("signalled")
    (row,) = summary(compiled, record(tmp_path / "r", *events))["importers"]
    assert row["fences_end"] == "never"


def test_a_fence_on_two_buffers_is_one(compiled: Path, tmp_path: Path) -> None:
    fence = {"context": 3, "seqno": 9}
    events: list[Event] = [
        {"what": "told", "time_ns": 20, "begin_ns": 15, "buffer": b, "attach": b}
        for b in (1, 2)
    ]
    events += [
        {"what": "fence_add", "time_ns": 10, "buffer": b, "attach": b, **fence}
        for b in (1, 2)
    ]
    events.append({"what": "fence_signal", "time_ns": 40, **fence})
    document = summary(compiled, record(tmp_path / "r", *events))
    assert [row["fences_ns"] for row in document["importers"]] == [25, 25]
    assert not any(row["fences_guessed"] for row in document["importers"])
    assert "events belong to" not in notes(compiled, tmp_path / "r")
