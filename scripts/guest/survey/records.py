# SPDX-License-Identifier: GPL-2.0-only
"""What the judge said of each driver: a file for each kernel, which the suite compares with."""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import RunnerError

#: What a guest leaves for each driver: this, then the driver's name.
PREFIX = "survey-"


@dataclass(frozen=True)
class Verdict:
    """On one clause: PASS, FAIL, SKIP or UNKNOWN, and one line of evidence."""

    verdict: str
    evidence: str


@dataclass(frozen=True)
class Record:
    """One driver on one kernel. ``missing`` says why it could not be judged, else it is empty."""

    driver: str
    side: str
    command: str
    kernel: str
    missing: str = ""
    clauses: dict[str, Verdict] = field(default_factory=dict)

    def those(self, verdict: str) -> list[str]:
        """The clauses with this verdict, in the order of the contract."""
        return [name for name, is_ in self.clauses.items() if is_.verdict == verdict]


def kept_at(source: Path, kernel: str) -> Path:
    """Where the verdicts on that kernel are kept."""
    return source / "tests/drivers/verdicts" / f"{kernel}.json"


def _record(document: dict[str, Any]) -> Record:
    clauses = document.pop("clauses")
    verdicts = {name: Verdict(**row) for name, row in clauses.items()}
    return Record(clauses=verdicts, **document)


def read(text: str | bytes) -> Record:
    """One driver's. RunnerError if it is none."""
    try:
        return _record(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunnerError(f"not what the survey writes: {error!r}") from error


def load(path: Path) -> list[Record]:
    """All of a kernel, by driver. RunnerError if the file is not as ``save`` writes it."""
    try:
        return [_record(row) for row in json.loads(path.read_text("utf-8"))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunnerError(f"{path}: not what the survey keeps: {error!r}") from error


def save(path: Path, records: list[Record]) -> None:
    """What ``load`` reads; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(record) for record in sorted(records, key=lambda r: r.driver)]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def collect(results: Path) -> list[Record]:
    """What a guest has left in its results."""
    found = sorted(results.glob(f"{PREFIX}*.json"))
    return [read(path.read_bytes()) for path in found]


def changes(before: list[Record], now: list[Record]) -> list[str]:
    """A line for each verdict that is another one. A driver may be judged as both."""
    old = {(r.driver, r.side): r.clauses for r in before}
    lines = []
    for record in now:
        was = old.get((record.driver, record.side), {})
        for clause, is_ in record.clauses.items():
            word = was[clause].verdict if clause in was else "nothing"
            if word != is_.verdict:
                who = f"{record.driver} as {record.side}"
                lines.append(f"{who}: {clause}: {word}, now {is_.verdict}")
    return lines
