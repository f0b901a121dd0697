# SPDX-License-Identifier: GPL-2.0-only
"""JUnit as KTAP (Documentation/dev-tools/ktap.rst), which KernelCI and kselftest's tools read.

A program or module of tests becomes a test with subtests.
"""
from __future__ import annotations

import xml.etree.ElementTree as xml
from typing import Iterator

#: What a case came to: "" is success, "SKIP ..." and "XFAIL ..." are directives, the rest
#: is why it failed.
Outcomes = dict[str, str]

FAILED = "failed"


def _outcome(case: xml.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return FAILED
    skipped = case.find("skipped")
    if skipped is None:
        return ""
    directive = "XFAIL" if skipped.get("type") == "pytest.xfail" else "SKIP"
    return " ".join(f"{directive} {skipped.get('message') or ''}".split())


def _read(junit: bytes) -> dict[str, Outcomes]:
    """Outcomes by program and case. pytest has a case twice if its teardown fails, too."""
    programs: dict[str, Outcomes] = {}
    for case in xml.fromstring(junit).iter("testcase"):
        cases = programs.setdefault(case.get("classname") or "tests", {})
        name = case.get("name") or "unnamed"
        if cases.get(name) != FAILED:
            cases[name] = _outcome(case)
    return programs


def _line(number: int, name: str, outcome: str) -> str:
    # What follows it is a directive: no name has one, not escaped either.
    text = name.replace("#", "_")
    if outcome == FAILED:
        return f"not ok {number} {text}"
    return f"ok {number} {text}" + (f" # {outcome}" if outcome else "")


def _whole(cases: Outcomes) -> str:
    if FAILED in cases.values():
        return FAILED
    if all(outcome.startswith("SKIP") for outcome in cases.values()):
        return "SKIP all of it"
    return ""


def _lines(programs: dict[str, Outcomes]) -> Iterator[str]:
    yield "KTAP version 1"
    yield f"1..{len(programs)}"
    for number, (program, cases) in enumerate(programs.items(), 1):
        yield "  KTAP version 1"
        yield f"  1..{len(cases)}"
        for inner, (name, outcome) in enumerate(cases.items(), 1):
            yield f"  {_line(inner, name, outcome)}"
        yield _line(number, program, _whole(cases))


def from_junit(junit: bytes) -> str:
    """The same results as KTAP. ValueError if ``junit`` is no JUnit file."""
    try:
        return "\n".join(_lines(_read(junit))) + "\n"
    except xml.ParseError as error:
        raise ValueError(f"not a JUnit file: {error}") from error
