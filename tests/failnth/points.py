# SPDX-License-Identifier: GPL-2.0-only
"""What the cases beside it found: how many points each call has to fail at."""
from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple

#: Names the directory that the cases write to, a file per call (tests/lib/c/failnth.c).
VARIABLE = "DBR_FAILNTH"


class Points(NamedTuple):
    """Of one call: points whose failure it reported, and those that it survived."""

    call: str
    failed: int
    survived: int


def begin() -> None:
    """Let the cases record what they find."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="failnth.")


def found() -> list[Points]:
    """By name of the call."""
    top = os.environ.get(VARIABLE)
    files = sorted(Path(top).iterdir()) if top else []
    rows = []
    for file in files:
        failed, survived = file.read_text(encoding="ascii").split()
        rows.append(Points(file.name, int(failed), int(survived)))
    return rows


def report() -> Iterator[str]:
    """A line per call, and one for all; nothing, where nothing was injected."""
    rows = found()
    if not rows:
        return
    yield f"{'call':32} {'points':>6} {'failed':>6} {'survived':>8}"
    total = Points("all", sum(r.failed for r in rows), sum(r.survived for r in rows))
    for row in [*rows, total]:
        points = row.failed + row.survived
        yield f"{row.call:32} {points:6} {row.failed:6} {row.survived:8}"


def save() -> None:
    """The same as JSON in $DBR_RESULTS."""
    results = os.environ.get("DBR_RESULTS")
    rows = found()
    if results and rows:
        text = json.dumps([row._asdict() for row in rows], indent=1)
        Path(results, "failnth.json").write_text(text + "\n", encoding="ascii")
