# SPDX-License-Identifier: GPL-2.0-only
"""What the suite says of a verdict that is not the one that is kept."""
from __future__ import annotations

import pytest

from tests.drivers.test_survey import Row, compare


def row(**verdicts: str) -> Row:
    return {
        "clauses": {
            clause: {"verdict": verdict, "evidence": "it was seen"}
            for clause, verdict in verdicts.items()
        }
    }


@pytest.mark.parametrize(
    "before, now",
    [
        ("PASS", "FAIL"),
        ("SKIP", "FAIL"),
        ("UNKNOWN", "FAIL"),
        ("FAIL", "PASS"),
        ("FAIL", "SKIP"),
        ("PASS", "SKIP"),
    ],
)
def test_a_change_is_noticed(before: str, now: str) -> None:
    with pytest.raises(AssertionError, match="it was seen"):
        compare(row(E4="PASS", E5=now), row(E4="PASS", E5=before))


@pytest.mark.parametrize(
    "before, now",
    [
        ("PASS", "PASS"),
        ("FAIL", "FAIL"),
        ("SKIP", "PASS"),
        # A machine that stood still.
        ("PASS", "UNKNOWN"),
        ("FAIL", "UNKNOWN"),
    ],
)
def test_what_says_nothing_new_passes(before: str, now: str) -> None:
    compare(row(E4="FAIL", E5=now), row(E4="FAIL", E5=before))


def test_a_clause_that_is_gone_or_new_is_noticed() -> None:
    with pytest.raises(AssertionError):
        compare(row(), row(E5="FAIL"))
    with pytest.raises(AssertionError):
        compare(row(E5="FAIL"), row())


def test_a_driver_of_which_nothing_is_kept_is_named() -> None:
    with pytest.raises(AssertionError, match="make survey keeps it"):
        compare(row(E5="PASS"), None)
