# SPDX-License-Identifier: GPL-2.0-only
"""docs/drivers.md, made of the verdicts that are kept."""
from __future__ import annotations

from pathlib import Path
from typing import Iterator

from . import records
from .records import Record

PAGE = "docs/drivers.md"

_HEAD = """\
# Drivers, judged

What [the judge](judging.md) says of each driver of the kernel that a guest can have, as the
[programs](../tests/drivers/) use it. `make survey` judges them again, says which verdicts have changed, and
writes this page.

A clause is one of [the contract](contract.md#clauses). FAIL: it was seen broken. Not judged: what
the driver, the program or this kernel has not, or what nothing showed. What a FAIL rests on is below
the tables, with the command that shows it again; those that look like bugs of the kernel have a page
each in [findings](findings/).

vivid is judged without the scenario `vmap-fails`, which [it does not survive](findings/vivid-vmap-fails.md).
"""

_SIDES = (("importer", "Importers"), ("exporter", "Exporters"))


def _cell(names: list[str]) -> str:
    return " ".join(names) or "–"


def _row(record: Record) -> str:
    release = record.kernel.split("+")[0].split("-")[0]
    if record.missing:
        return f"| {record.driver} | {release} | – | – | {record.missing} |"
    others = _cell(record.those("UNKNOWN") + record.those("SKIP"))
    fails, passes = record.those("FAIL"), record.those("PASS")
    return (
        f"| {record.driver} | {release} | {_cell(fails)} | {_cell(passes)} | {others} |"
    )


def _table(title: str, chosen: list[Record]) -> Iterator[str]:
    yield f"\n## {title}\n"
    yield "| driver | kernel | FAIL | PASS | not judged |"
    yield "|---|---|---|---|---|"
    for record in sorted(chosen, key=lambda r: r.driver):
        yield _row(record)


def _failures(chosen: list[Record]) -> Iterator[str]:
    yield "\n## What failed\n"
    none = True
    for record in sorted(chosen, key=lambda r: (r.side, r.driver)):
        for name in record.those("FAIL"):
            none = False
            yield f"- **{record.driver}**, {record.kernel}, {name}: {record.clauses[name].evidence}"
            yield f"  `{record.command}`"
    if none:
        yield "Nothing."


def text(kept: list[Record]) -> str:
    """The page."""
    lines = [_HEAD.rstrip("\n")]
    for side, title in _SIDES:
        lines += _table(title, [record for record in kept if record.side == side])
    lines += _failures(kept)
    return "\n".join(lines) + "\n"


def of(source: Path) -> str:
    """The page of all that is kept in that tree."""
    found = sorted(records.kept_at(source, "*").parent.glob("*.json"))
    return text([record for path in found for record in records.load(path)])
