# SPDX-License-Identifier: GPL-2.0-only
"""Totals over several JUnit files, and pytest's closing line for them."""
from __future__ import annotations

import xml.etree.ElementTree as xml
from dataclasses import dataclass, field

FIELDS = ("failed", "passed", "skipped", "xfailed", "errors")

#: Characters of a line about a failed case.
WIDTH = 250


@dataclass
class Totals:
    """Counts of test cases; ``reasons`` maps a skip's reason to its number of cases.

    ``seconds`` is what a part took, with building and waiting, and is not added up.
    ``wrong`` has a line for each case that failed: its name, and the first words of why.
    ``notes`` are what a reader of the verdict should know although nothing failed by it.
    """

    failed: int = 0
    passed: int = 0
    skipped: int = 0
    xfailed: int = 0
    errors: int = 0
    seconds: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ran(self) -> int:
        """Cases that were collected, skipped ones too."""
        return sum(getattr(self, name) for name in FIELDS)

    @property
    def good(self) -> bool:
        return self.ran > 0 and not self.failed and not self.errors

    def add(self, other: Totals) -> None:
        for name in FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        self.wrong += other.wrong
        self.notes += other.notes


def _why(case: xml.Element, fault: xml.Element) -> str:
    """A line of a report. The message of what is no assertion is all of its report."""
    words = (fault.get("message") or "no reason given").split()
    name = f"{case.get('classname') or 'tests'}::{case.get('name') or 'unnamed'}"
    return f"{name}: {' '.join(words)}"[:WIDTH]


def from_junit(text: bytes) -> Totals:
    """Count the test cases in a JUnit file. ValueError if it is not one."""
    totals = Totals()
    try:
        root = xml.fromstring(text)
    except xml.ParseError as error:
        raise ValueError(f"not a JUnit file: {error}") from error
    failed: set[tuple[str | None, str | None]] = set()
    for case in root.iter("testcase"):
        name = case.get("classname"), case.get("name")
        fault = case.find("error")
        skipped = case.find("skipped")
        failure = case.find("failure")
        totals.wrong += [_why(case, e) for e in (failure, fault) if e is not None]
        if fault is not None:
            totals.errors += 1
        if failure is not None:
            failed.add(name)
            totals.failed += 1
        elif skipped is not None and skipped.get("type") == "pytest.xfail":
            totals.xfailed += 1
        elif skipped is not None:
            totals.skipped += 1
            reason = skipped.get("message") or "no reason given"
            totals.reasons[reason] = totals.reasons.get(reason, 0) + 1
        elif fault is None:
            totals.passed += 1
        elif "on teardown" in (fault.get("message") or "") and name not in failed:
            totals.passed += 1  # pytest counts the test and the error of its teardown
    return totals


def closing_line(totals: Totals) -> str:
    """pytest's last line, such as ``===== 3 passed, 1 skipped in 2.50s =====``."""
    parts = []
    for name in FIELDS:
        count = getattr(totals, name)
        if count:
            word = "error" if name == "errors" and count == 1 else name
            parts.append(f"{count} {word}")
    took = f"{totals.seconds:.2f}s"
    if totals.seconds >= 60:
        whole = int(totals.seconds)
        took += f" ({whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02})"
    return f"===== {', '.join(parts) or 'no tests ran'} in {took} ====="
