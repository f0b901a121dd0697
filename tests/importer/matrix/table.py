# SPDX-License-Identifier: GPL-2.0-only
"""docs/modules/matrix.md as data, and the program that says what really happens (cells.c)."""
from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Iterator, NamedTuple

from tests.lib import features
from tests.lib.cases import program_directory
from tests.lib.places import DOCS

DOCUMENT = DOCS / "modules/matrix.md"

#: Seconds that the cells of one kind and state may take together; none takes half of one.
LIMIT = 240

_HEAD = ["event", "state", "clauses"]
_HEAD_WITHOUT = ["event", "state"]

#: Beside the clauses of a row: what only this kind of importer owes, where it is invalidated.
_OF_KIND = {
    "dynamic": "I6",
    "dynamic-worker": "I6",
    "function": "I6",
    "pinned": "I5",
}
_NOT_INVALIDATED = ("importer-closes", "unload")


class MatrixError(Exception):
    """The table cannot be read, or the program did not do as expected."""


class Cell(NamedTuple):
    """A cell's place. ``str`` is how test items name it."""

    kind: str
    state: str
    event: str

    def __str__(self) -> str:
        return "-".join(self)


class Table(NamedTuple):
    """What should be seen in each cell, and the clauses that say so."""

    cells: dict[Cell, str]
    clauses: dict[Cell, list[str]]


def _columns(line: str) -> list[str]:
    return [column.strip() for column in line.strip().strip("|").split("|")]


def _clauses(row: str, cell: Cell) -> list[str]:
    own = _OF_KIND.get(cell.kind) if cell.event not in _NOT_INVALIDATED else None
    return row.split() + ([own] if own else [])


def _rows(text: str, head: list[str]) -> Iterator[tuple[list[str], dict[Cell, str]]]:
    """The rows of the one table of a text: what stands below ``head``, and the cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    if not lines or _columns(lines[0])[: len(head)] != head:
        raise MatrixError(f"no table that begins with {head}")
    kinds = _columns(lines[0])[len(head) :]
    for line in lines[2:]:
        columns = _columns(line)
        event, state = columns[:2]
        texts = columns[len(head) :]
        if len(texts) != len(kinds):
            raise MatrixError(f"{len(kinds)} kinds, but {len(texts)} cells: {line}")
        cells = {Cell(kind, state, event): cell for kind, cell in zip(kinds, texts)}
        yield columns[: len(head)], cells


def _add(cells: dict[Cell, str], row: dict[Cell, str]) -> None:
    for cell, text in row.items():
        if cell in cells or not text:
            raise MatrixError(f"{cell} is empty, or there twice")
        cells[cell] = text


def parse(text: str) -> Table:
    """The one table of a text. MatrixError if it is not as it should be."""
    table = Table({}, {})
    for (_, _, clauses), row in _rows(text, _HEAD):
        _add(table.cells, row)
        table.clauses.update({cell: _clauses(clauses, cell) for cell in row})
    return table


def parse_without(text: str, table: Table) -> dict[Cell, str]:
    """What is seen where a feature is missing: cells that differ from those of ``table``."""
    cells: dict[Cell, str] = {}
    for _, row in _rows(text, _HEAD_WITHOUT):
        _add(cells, row)
    for cell, seen in cells.items():
        if table.cells.get(cell, seen) == seen:
            raise MatrixError(f"{cell} is the same in the table, or not there")
    return cells


def read(missing: list[str] | None = None) -> Table:
    """The table of docs/modules/matrix.md, for a kernel that lacks these features."""
    main, others = features.sections(DOCUMENT.read_text(encoding="utf-8"))
    table = parse(main)
    result = Table(dict(table.cells), table.clauses)
    for name in missing or []:
        if name in others:
            result.cells.update(parse_without(others[name], table))
    return result


def legend(text: str) -> set[str]:
    """The words that the document explains: those in code type at the head of a list item."""
    return {
        word
        for item in re.findall(r"^ +- (`.*)", text, re.MULTILINE)
        for word in re.findall(r"`([^`]+)`", item.partition(":")[0])
    }


def words(cell: str) -> list[str]:
    """A cell's words, each of which the legend has to explain."""
    return [word for word in re.split(r"; |, | -> ", cell) if word]


def differences(table: set[Cell], program: set[Cell]) -> list[str]:
    """The cells that only one side has; nothing, if all is well."""
    return sorted(
        [f"{cell}: only in docs/modules/matrix.md" for cell in table - program]
        + [f"{cell}: only in cells.c" for cell in program - table]
    )


def _run(*arguments: str) -> str:
    """What the program prints; MatrixError if it fails as a whole."""
    program = program_directory() / "importer/matrix/cells"
    try:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
    except OSError as error:
        raise MatrixError(f"{program}: {error.strerror}: run `make programs`") from None
    except subprocess.TimeoutExpired:
        raise MatrixError(f"{arguments}: no end after {LIMIT} s") from None
    if done.returncode or done.stderr:
        raise MatrixError(f"{arguments}: status {done.returncode}: {done.stderr}")
    return done.stdout


def known() -> set[Cell]:
    """The cells that the program has."""
    return {Cell(*line.split()) for line in _run("--list").splitlines()}


def observe(
    kind: str, state: str, *events: str, options: tuple[str, ...] = ()
) -> dict[Cell, str]:
    """What is seen in the cells of one kind and state; of all events, if none is named."""
    lines = _run(*options, kind, state, *events).splitlines()
    result: dict[Cell, str] = {}
    for line in lines:
        event, _, seen = line.partition(": ")
        result[Cell(kind, state, event)] = seen
    return result
