# SPDX-License-Identifier: GPL-2.0-only
"""docs/contract.md says of clauses and bugs what tests/controls says."""
from __future__ import annotations

import re

import pytest

from tests.controls.bugs import BUGS
from tests.controls.data import CLAUSES

from ..sample import REPOSITORY

PAGE = (REPOSITORY / "docs" / "contract.md").read_text(encoding="utf-8")


def row(first: str) -> str:
    """The row of a table that begins with this cell."""
    match = re.search(rf"^\| {first} \|.*$", PAGE, re.MULTILINE)
    assert match, f"{first} is not there"
    return match[0]


@pytest.mark.parametrize("clause", CLAUSES)
def test_clause_is_there_with_all_it_has(clause: str) -> None:
    entry, text = CLAUSES[clause], row(clause)
    for where in entry.functions:
        assert f"`{where.partition(':')[2]}()`" in text
    for control in entry.controls:
        assert f"`{control.case}`: {control.wrong.name}" in text
    assert entry.without in text


@pytest.mark.parametrize("number", BUGS)
def test_class_of_bug_is_there_with_all_it_has(number: int) -> None:
    bug, text = BUGS[number], row(str(number))
    for part in (bug.title, *bug.provoked_by, *bug.noticed_by, bug.without):
        assert part in text


def test_importers_worth_copying_are_short() -> None:
    shown = re.findall(r"```c\n(.*?)```", PAGE, re.S)
    assert len(shown) == 2
    assert all(text.count("\n") < 40 for text in shown)
