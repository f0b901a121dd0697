# SPDX-License-Identifier: GPL-2.0-only
"""Each format says what was found, and is valid whatever is in it."""
from __future__ import annotations

import json
import random
import re
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from .show import Finding, show, shown

__all__ = ["show"]  # a fixture

FOUND = [
    Finding("revoke-mapped", "I2", "PASS", "the callback has returned"),
    Finding(
        "revoke-mapped", "I4", "FAIL", "it has not unmapped", "1 ms map\n2 ms x  \n\n"
    ),
    Finding("revoke-mapped", "I8", "UNKNOWN", "events were lost"),
    Finding("revoke-mapped", "LOG", "PASS", "no complaint"),
    Finding("move", "I6", "SKIP", "the program does not answer"),
    Finding("revoke-mapped", "I2", "FAIL", "it is slow", round=2),
    Finding("revoke-mapped", "I2", "PASS", "it is quick", round=2),
]

KTAP = """KTAP version 1
1..3
#   dmabuf-revoke 1, Linux 7.3.4: a dma-buf importer
  KTAP version 1
  1..4
  #   the callback has returned
  ok 1 I2
  #   it has not unmapped
  #   1 ms map
  #   2 ms x
  #   how to mend it: docs/judging/clauses.md#i4
  not ok 2 I4
  ok 3 I8 # SKIP UNKNOWN: events were lost
  #   no complaint
  ok 4 LOG
not ok 1 revoke-mapped
  KTAP version 1
  1..1
  ok 1 I6 # SKIP the program does not answer
ok 2 move # SKIP all of it
  KTAP version 1
  1..1
  #   it is slow
  #   it is quick
  #   how to mend it: docs/judging/clauses.md#i2
  not ok 1 I2
not ok 3 revoke-mapped.2
#   FAIL: 2 of 5 clauses: I2, I4; UNKNOWN: I8; SKIP: I6
"""

FORMATS = ["0", "60", "json", "ktap", "junit"]
HOSTILE: list[str | bytes] = [
    "",
    "]]><&\"'",
    "Subtest: evil\nKTAP version 1\nok 1 x\nnot ok 2 # TODO",
    "a # SKIP b \\# TODO c",
    "\x01\x1b[31m\x07\x7f\r\n\t",
    b"\xff\xfe\x80 \xc3",
    "\u0085\u2028\ufffe\U0001f600",
    "w" * 300,
    "two words " * 40,
    "\u00e9" * 250,
]


def test_ktap_says_what_was_found(show: Path) -> None:
    assert shown(show, "ktap", *FOUND).text == KTAP


def test_junit_says_what_was_found(show: Path) -> None:
    root = xml.fromstring(shown(show, "junit", *FOUND).text)
    suites = {suite.attrib["name"]: suite for suite in root}
    assert list(suites) == ["revoke-mapped", "move", "revoke-mapped.2"]
    suite = suites["revoke-mapped"]
    assert [suite.attrib[name] for name in ("tests", "failures", "skipped")] == [
        "4",
        "1",
        "1",
    ]
    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    failure = cases["I4"].find("failure")
    assert failure is not None and failure.attrib["message"] == "it has not unmapped"
    assert failure.text and failure.text.splitlines() == [
        "it has not unmapped",
        "1 ms map",
        "2 ms x  ",
        "",
        "how to mend it: docs/judging/clauses.md#i4",
    ]
    skipped = cases["I8"].find("skipped")
    assert skipped is not None
    assert skipped.attrib["message"] == "UNKNOWN: events were lost"
    assert not list(cases["I2"].iter("failure"))
    given = {
        each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")
    }
    assert given["kernel"] == "7.3.4" and "times 3" in given["limit.unmap"]


def test_json_says_what_was_found(show: Path) -> None:
    document = json.loads(shown(show, "json", *FOUND, words="a b").text)
    assert document["kernel"] == "7.3.4" and document["judged"] == "importer"
    assert document["program"] == ["a", "b"] and document["scale"] == 3
    rows = [
        (row["scenario"], row["round"], row["clause"], row["verdict"], row["evidence"])
        for row in document["findings"]
    ]
    assert rows == [
        (each.scenario, each.round, each.clause, each.verdict, each.text)
        for each in FOUND
    ]
    assert document["findings"][1]["details"] == "1 ms map\n2 ms x  \n\n"
    verdicts = {row["clause"]: row["verdict"] for row in document["clauses"]}
    assert verdicts == {
        "I2": "FAIL",
        "I4": "FAIL",
        "I6": "SKIP",
        "I8": "UNKNOWN",
        "LOG": "PASS",
    }
    assert document["cut_short"] is None


def test_people_are_told_the_verdict_on_all_last(show: Path) -> None:
    lines = shown(show, "0", *FOUND).text.splitlines()
    assert lines[-1] == "FAIL: 2 of 5 clauses: I2, I4; UNKNOWN: I8; SKIP: I6"
    assert "  UNKNOWN I8   events were lost" in lines
    at = lines.index("FAIL I4 in revoke-mapped")
    assert lines[at + 1 : at + 5] == [
        "  it has not unmapped",
        "  | 1 ms map",
        "  | 2 ms x",
        "  how to mend it: docs/judging/clauses.md#i4",
    ]


def test_what_has_one_reason_is_one_row(show: Path) -> None:
    rows = [Finding("x", clause, "SKIP", "no device") for clause in ("I4", "I8", "I9")]
    text = shown(show, "0", *rows, Finding("x", "I2", "PASS", "no device")).text
    assert "\n  SKIP    I4 I8 I9\n               no device\n  PASS    I2   no" in text
    assert text.count("no device") == 2


def test_the_same_events_are_shown_once(show: Path) -> None:
    both = [Finding("x", clause, "FAIL", "y", "1 ms map\n") for clause in ("I4", "I8")]
    text = shown(show, "0", *both).text
    assert text.count("1 ms map") == 1 and "  | as of I4\n" in text


@pytest.mark.parametrize("width", [40, 60, 200])
def test_lines_fit_the_terminal(show: Path, width: int) -> None:
    found = [Finding("x", f"I{i}", "PASS", text) for i, text in enumerate(HOSTILE)]
    whole = shown(show, "0", *found).text
    text = shown(show, str(width), *found).text
    assert max(map(len, text.split("\n"))) <= width
    assert "".join(whole.split()) == "".join(text.split())


PASSED = Finding("x", "I4", "PASS")
SILENT = Finding("x", "LOG", "PASS")
SKIPPED = Finding("x", "I8", "SKIP")
FAILED = Finding("x", "I4", "FAIL")


@pytest.mark.parametrize(
    "found, status, sentence",
    [
        ([PASSED, SILENT], 0, "PASS: 2 of 2 clauses"),
        ([PASSED, SKIPPED], 0, "PASS: 1 of 2 clauses; SKIP: I8"),
        ([PASSED, FAILED], 1, "FAIL: 1 of 1 clauses: I4"),
        ([SKIPPED, SILENT], 77, "Nothing could be judged; SKIP: I8"),
        ([], 77, "Nothing could be judged"),
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_status_is_the_verdict_on_all(
    show: Path, form: str, found: list[Finding], status: int, sentence: str
) -> None:
    done = shown(show, form, *found)
    assert done.status == status
    if form in ("0", "json", "ktap"):
        assert sentence in done.text


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_cut_short_is_no_success(show: Path, form: str) -> None:
    done = shown(show, form, PASSED, words="interrupted")
    assert done.status == 1
    assert "was interrupted" in re.sub(r"\s+", " ", done.text)
    if form == "ktap":
        assert "\nnot ok 2 all-was-run\n" in done.text
    if form == "junit":
        assert len(list(xml.fromstring(done.text).iter("error"))) == 1


def check_ktap(text: str) -> None:
    """Nothing that a program has printed begins a line of its own."""
    plans, results = 0, 0
    for line in text.rstrip("\n").split("\n"):
        kind = re.fullmatch(
            r"(KTAP version 1|1\.\.(\d+)|#   .*|(?:not )?ok \d+ [\w.-]+(?: # SKIP (.*))?)",
            line.strip(" ") if "#   " not in line else line.lstrip(" "),
        )
        assert kind, line
        plans += int(kind[2] or 0)
        results += bool(re.match(r" *(?:not )?ok ", line))
        assert "# SKIP" not in re.sub(r"\\#", "", kind[3] or "")
    assert plans == results
    assert len(re.findall("^KTAP", text, re.M)) == 1


@pytest.mark.parametrize("seed", range(20))
def test_any_text_is_taken(show: Path, seed: int) -> None:
    chance = random.Random(seed)

    def text() -> bytes:
        parts = [chance.choice(HOSTILE) for _ in range(3)]
        encoded = b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)
        return encoded.replace(b"\0", b"")

    found = [
        Finding(
            chance.choice(["one", "two"]),
            chance.choice(["E1", "I4", "I18", "LOG"]),
            chance.choice(["PASS", "FAIL", "SKIP", "UNKNOWN"]),
            text().replace(b"\n", b" "),
            text() if chance.random() < 0.5 else b"",
            chance.randrange(1, 3),
        )
        for _ in range(12)
    ]
    assert len(json.loads(shown(show, "json", *found).text)["findings"]) == 12
    xml.fromstring(shown(show, "junit", *found).text)
    check_ktap(shown(show, "ktap", *found).text)
    for width in ("0", "50"):
        people = shown(show, width, *found).text
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", people)
