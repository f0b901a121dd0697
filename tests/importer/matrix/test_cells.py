# SPDX-License-Identifier: GPL-2.0-only
"""Every kind of importer, in every state, at every event: docs/modules/matrix.md, made to happen.

The cells of one kind and state run together, in one process of cells.c, when the first
of them is asked for; what that did to the kernel counts against them all.
"""
from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, NamedTuple

import pytest

from tests.devices.lib.function import DRIVER, find, works
from tests.gates.around import Gates
from tests.lib import features
from tests.lib.clauses import CLAUSES

from . import table
from .table import Cell

TABLE = table.read()
TEXT = table.DOCUMENT.read_text(encoding="utf-8")


class Group(NamedTuple):
    """What was seen in the cells of one kind and state, and what else was wrong."""

    seen: dict[Cell, str]
    wrong: list[str]


@pytest.fixture(autouse=True)
def gates() -> None:
    """In place of the gates around every item: those of a cell are around its group."""


_groups: dict[tuple[str, str], Group] = {}


@contextmanager
def on_behalf(kind: str) -> Iterator[tuple[str, ...]]:
    """Of whom this kind attaches, as options."""
    if kind != "function":
        yield ()
        return
    with find().driven_by(DRIVER) as function:
        if not works(function):
            pytest.skip(f"DMA of {function.address} is bounced: there is no engine")
        yield "--device", function.address


def group_of(cell: Cell) -> Group:
    """The group that a cell belongs to; it runs if it has not yet."""
    key = cell.kind, cell.state
    if key not in _groups:
        with on_behalf(cell.kind) as options:
            gates = Gates(f"matrix {cell.kind} {cell.state}")
            seen: dict[Cell, str] = {}
            wrong: list[str] = []
            try:
                seen = table.observe(*key, options=options)
            except table.MatrixError as error:
                wrong.append(str(error))
            _groups[key] = Group(seen, wrong + gates.close())
    return _groups[key]


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(
            cell,
            id="_".join([*clauses, str(cell)]),
            marks=[getattr(pytest.mark, clause) for clause in clauses],
        )
        for cell, clauses in sorted(TABLE.clauses.items())
    ],
)
def test_cell(cell: Cell) -> None:
    group = group_of(cell)
    assert not group.wrong
    expected = table.read(features.missing()).cells[cell]
    assert group.seen.get(cell, "nothing") == expected


def test_table_and_program_have_the_same_cells() -> None:
    assert not table.differences(set(TABLE.cells), table.known())


def test_a_cell_that_one_side_lacks_is_noticed() -> None:
    cells = set(TABLE.cells)
    one = min(cells)
    assert table.differences(cells - {one}, cells) == [f"{one}: only in cells.c"]
    assert table.differences(cells, cells - {one}) == [
        f"{one}: only in docs/modules/matrix.md"
    ]


def test_every_combination_is_in_the_table() -> None:
    axes = [set(values) for values in zip(*TABLE.cells)]
    assert [len(axis) for axis in axes] == [6, 6, 7]
    assert len(TABLE.cells) == 6 * 6 * 7


def test_every_kind_state_and_event_is_explained() -> None:
    for name in {name for cell in TABLE.cells for name in cell}:
        assert f"\n- *{name}*: " in TEXT, name


def test_every_word_is_in_the_legend() -> None:
    known = table.legend(TEXT)
    everywhere = [TABLE, *(table.read([name]) for name in features.FEATURES)]
    for cell, text in [item for table in everywhere for item in table.cells.items()]:
        for word in table.words(text):
            blockers, until, end = word.partition(" until ")
            parts = [*blockers.split("+"), until.strip() + " " + end]
            for part in parts if until else [word]:
                assert part in known, f"{cell}: {part}"


def test_every_clause_exists() -> None:
    named = {clause for clauses in TABLE.clauses.values() for clause in clauses}
    assert named <= CLAUSES.keys()


@pytest.mark.parametrize(
    "row",
    ["| revoke | idle | {same} |", "| dance | idle | done |", "| move | idle | |"],
    ids=["the-same", "no-such-cell", "empty-cell"],
)
def test_an_exception_that_is_none_is_noticed(row: str) -> None:
    head = "| event | state | pinned |\n|---|---|---|\n"
    same = TABLE.cells[Cell("pinned", "idle", "revoke")]
    with pytest.raises(table.MatrixError):
        table.parse_without(head + row.format(same=same), TABLE)


@pytest.mark.parametrize(
    "text",
    [
        "no table",
        "| event | state | clauses | pinned |\n|---|---|---|---|\n| move | idle | E14 |",
        "| event | state | clauses | pinned |\n|---|---|---|---|\n| move | idle | E14 | |",
        "| event | state | clauses | pinned |\n|---|---|---|---|\n"
        + "| move | idle | E14 | done |\n" * 2,
    ],
    ids=["none", "short-row", "empty-cell", "row-twice"],
)
def test_a_broken_table_is_noticed(text: str) -> None:
    with pytest.raises(table.MatrixError):
        table.parse(text)
