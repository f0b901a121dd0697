# SPDX-License-Identifier: GPL-2.0-only
"""E12: docs/modules/rights.md, cell by cell.

The table says how each call ends for each actor; rights.c makes the calls. A row or a
column that only one of the two has is a failure.
"""
from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest

from tests.lib.cases import program_directory
from tests.lib.places import DOCS

DOCUMENT = DOCS / "modules/rights.md"
NOT_POSSIBLE_HERE = 77

Table = dict[tuple[str, str], str]


def parse(text: str) -> Table:
    """The cells of the first table: (call, actor) to result. ValueError if it is uneven."""
    rows = [
        [cell.strip() for cell in line.strip("|").replace("`", "").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    heading, _, *body = rows
    cells: Table = {}
    for row in body:
        for actor, result in zip(heading[1:], row[1:], strict=True):
            if not result:
                raise ValueError(f"the cell of {row[0]} and {actor} is empty")
            if (row[0], actor) in cells:
                raise ValueError(f"two rows for {row[0]}")
            cells[row[0], actor] = result
    return cells


TABLE = parse(DOCUMENT.read_text(encoding="utf-8"))


def run(argument: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program_directory() / "interface/rights", argument],
        capture_output=True,
        text=True,
        check=False,
    )


@functools.cache
def results_of(actor: str) -> dict[str, str]:
    """What each call gave that actor."""
    done = run(actor)
    if done.returncode == NOT_POSSIBLE_HERE:
        pytest.skip("no user namespaces for users: user.max_user_namespaces above 0")
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {call: result for call, result in lines}


def cell_id(cell: tuple[str, str]) -> str:
    return "-".join(part.replace(" ", "_") for part in cell)


@pytest.mark.parametrize("cell", TABLE, ids=cell_id)
def test_E12_cell(cell: tuple[str, str]) -> None:
    call, actor = cell
    assert results_of(actor)[call] == TABLE[cell]


def test_E12_table_and_program_have_the_same_cells() -> None:
    calls, _, actors = run("--list").stdout.partition("\n\n")
    wanted = {
        (call, actor) for call in calls.splitlines() for actor in actors.splitlines()
    }
    assert wanted == set(TABLE)


def test_E12_control_wrong_cell_is_noticed() -> None:
    """Each result is had by some cell and not by another: no cell is true by itself."""
    seen = {
        result
        for actor in ("holder", "CAP_SYS_ADMIN")
        for result in results_of(actor).values()
    }
    assert {"ok", "EPERM", "EACCES", "EBADF", "ENOENT"} <= seen


@pytest.mark.parametrize(
    "text",
    [
        "| call | a | b |\n|---|---|---|\n| X | ok |\n",
        "| call | a |\n|---|---|\n| X | |\n",
        "| call | a |\n|---|---|\n| X | ok |\n| X | ok |\n",
    ],
    ids=["too few cells", "empty cell", "row twice"],
)
def test_uneven_table_is_noticed(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)
