# SPDX-License-Identifier: GPL-2.0-only
"""Trace Event JSON, checked by the rules of its format.

"Trace Event Format" (Duffin, Google): metadata (M), complete (X) and instant (i) events. The
viewers drop or move what breaks these rules without a word, so it is checked here.
"""
from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

NAMES = {"process_name", "process_sort_index", "thread_name", "thread_sort_index"}
Json = dict[str, Any]


@dataclass
class Track:
    """What one thread shows."""

    process: str
    name: str
    spans: list[Json] = field(default_factory=list)
    points: list[Json] = field(default_factory=list)


def is_number(value: object) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def wrong_event(event: Json) -> str:
    """What is wrong with it by itself, or nothing."""
    if event.get("ph") not in ("M", "X", "i"):
        return "unknown phase"
    if not isinstance(event.get("name"), str) or not event["name"]:
        return "no name"
    for key in ("pid", "tid"):
        if type(event.get(key)) is not int or not 0 <= event[key] < 2**31:
            return f"{key} is no number of 31 bits"
    if not is_number(event.get("ts")) or event["ts"] < 0:
        return "no time"
    if not isinstance(event.get("cat"), str):
        return "no category"
    if event["ph"] == "M":
        return "" if event["name"] in NAMES and event.get("args") else "no metadata"
    if event["ph"] == "X" and (not is_number(event.get("dur")) or event["dur"] < 0):
        return "no duration"
    if event["ph"] == "i" and event.get("s") not in ("g", "p", "t"):
        return "no scope"
    return "" if isinstance(event.get("args", {}), dict) else "args are no object"


def wrong_nesting(spans: list[Json]) -> list[str]:
    """Those of one thread are apart, or one is in the other."""
    wrong: list[str] = []
    open_until: list[Decimal] = []
    for span in sorted(spans, key=lambda span: (span["ts"], -span["dur"])):
        begin, end = span["ts"], span["ts"] + span["dur"]
        while open_until and open_until[-1] <= begin:
            open_until.pop()
        if open_until and end > open_until[-1]:
            wrong.append(f"{span} is half in another")
        open_until.append(end)
    return wrong


def read(text: str) -> tuple[list[Track], list[str]]:
    """The tracks in order, and what is wrong. Times are exact."""
    document = json.loads(text, parse_float=Decimal)
    events: list[Json] = document["traceEvents"]
    wrong = [f"{event}: {why}" for event in events if (why := wrong_event(event))]
    if wrong:
        return [], wrong
    processes: dict[int, str] = {}
    tracks: dict[tuple[int, int], Track] = {}
    order: dict[tuple[int, int], int] = defaultdict(int)
    for event in events:
        key = event["pid"], event["tid"]
        if event["name"] == "process_name":
            processes[event["pid"]] = event["args"]["name"]
        elif event["name"] == "thread_name":
            if key in tracks:
                wrong.append(f"{key} has two names")
            tracks[key] = Track(processes.get(event["pid"], ""), event["args"]["name"])
        elif event["name"] == "thread_sort_index":
            order[key] = event["args"]["sort_index"]
    for event in events:
        track = tracks.get((event["pid"], event["tid"]))
        if event["ph"] == "M":
            continue
        if not track or not track.process:
            wrong.append(f"{event} is on a track without a name")
        elif event["ph"] == "X":
            track.spans.append(event)
        else:
            track.points.append(event)
    for track in tracks.values():
        wrong += wrong_nesting(track.spans)
    threads = [tid for _, tid in tracks]
    if len(set(threads)) < len(threads) or set(threads) & set(processes):
        wrong.append("a thread has the number of another, or of a process")
    return [tracks[key] for key in sorted(tracks, key=lambda key: order[key])], wrong
