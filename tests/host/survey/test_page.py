# SPDX-License-Identifier: GPL-2.0-only
"""docs/drivers.md says what is kept, and what is kept is what the survey writes."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from guest.errors import RunnerError
from guest.survey import page, records
from guest.survey.records import Record, Verdict

from ..sample import REPOSITORY

SAMPLE = Record(
    driver="cam",
    side="importer",
    command="dmabuf-revoke test-importer -- cam",
    kernel="7.3.4+deb13-amd64",
    clauses={
        "I4": Verdict("FAIL", "move: never unmapped"),
        "I9": Verdict("PASS", "fine"),
    },
)
FAIL = Verdict("FAIL", "never mapped")


def test_page_is_that_of_the_verdicts() -> None:
    text = (REPOSITORY / page.PAGE).read_text("utf-8")
    assert text == page.of(REPOSITORY), "make survey writes it"


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    other = replace(SAMPLE, driver="a", clauses={}, missing="no module a")
    path = records.kept_at(tmp_path, "7.3")
    records.save(path, [SAMPLE, other])
    assert records.load(path) == [other, SAMPLE]


def test_changes_are_of_the_same_side() -> None:
    """A driver may be judged as both."""
    other = replace(SAMPLE, side="exporter", clauses={"E6": FAIL})
    assert not records.changes([SAMPLE, other], [other, SAMPLE])
    now = replace(SAMPLE, clauses={"I4": FAIL, "I9": FAIL})
    lines = ["cam as importer: I9: PASS, now FAIL"]
    assert records.changes([SAMPLE, other], [now, other]) == lines
    lines = ["cam as exporter: E6: nothing, now FAIL"]
    assert records.changes([SAMPLE], [SAMPLE, other]) == lines


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"clauses": 1}', "[1]"])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(RunnerError, match="not what the survey writes"):
        records.read(text)


def test_what_guests_leave_is_collected(tmp_path: Path) -> None:
    document = {
        "driver": "cam",
        "side": "importer",
        "command": SAMPLE.command,
        "kernel": SAMPLE.kernel,
        "missing": "",
        "clauses": {
            "I4": {"verdict": "FAIL", "evidence": "move: never unmapped"},
            "I9": {"verdict": "PASS", "evidence": "fine"},
        },
    }
    (tmp_path / "survey-importer_cam.json").write_text(json.dumps(document), "utf-8")
    (tmp_path / "junit.xml").write_text("", "utf-8")
    assert records.collect(tmp_path) == [SAMPLE]


def test_each_failure_has_its_evidence_and_its_command() -> None:
    text = page.text([SAMPLE])
    assert "| cam | 7.3.4 | I4 | I9 | – |" in text
    assert "- **cam**, 7.3.4+deb13-amd64, I4: move: never unmapped\n" in text
    assert "  `dmabuf-revoke test-importer --scenario move -- cam`" in text


def test_failure_with_a_page_leads_to_it() -> None:
    text = page.text([replace(SAMPLE, driver="qxl", clauses={"E18": FAIL})])
    assert "([more](findings/qxl-export.md))" in text


def test_what_cannot_be_had_says_why() -> None:
    text = page.text([replace(SAMPLE, clauses={}, missing="no module cam")])
    assert "| cam | 7.3.4 | – | – | no module cam |" in text


def test_without_failures_that_is_said() -> None:
    good = replace(SAMPLE, clauses={"I9": Verdict("PASS", "fine")})
    assert page.text([good]).endswith("## What failed\n\nNothing.\n")
