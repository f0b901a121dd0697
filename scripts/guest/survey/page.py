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
the tables, with the command that shows it again, and what looks like a bug of the kernel has a page in
[findings](findings/). Which drivers cannot be had is said [beside the programs](../tests/drivers/README.md#what-cannot-be-had).

vivid is judged without the scenario `vmap-fails`, which [it does not survive](findings/vivid-vmap-fails.md);
nor, mostly, `beyond-4gib`, where there is no vmap to be had: what comes after that is not judged.
vfio-pci is judged behind an IOMMU, in the guest `7.3-iommu`; one clause that nothing shows from outside, E25,
is in [its page](findings/vfio-pci-revoke.md).
"""

#: By driver and clause, the page in docs/findings/.
_FINDINGS = {
    ("vfio-pci", "E7"): "vfio-pci-revoke",
    ("qxl", "E18"): "qxl-export",
    ("vivid, dma-contig", "I17"): "videobuf2-refused-qbuf",
    ("vivid, dma-contig", "LOG"): "vivid-vmap-fails",
}

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


def _again(record: Record, name: str) -> str:
    """The command that shows a FAIL again: of its scenario only, with which the evidence begins."""
    scenario, named, _ = record.clauses[name].evidence.partition(": ")
    verb, program, rest = record.command.partition(" -- ")
    return f"{verb} --scenario {scenario}{program}{rest}" if named else record.command


def _failures(chosen: list[Record]) -> Iterator[str]:
    yield "\n## What failed\n"
    none = True
    for record in sorted(chosen, key=lambda r: (r.side, r.driver)):
        for name in record.those("FAIL"):
            none = False
            yield f"- **{record.driver}**, {record.kernel}, {name}: {record.clauses[name].evidence}"
            finding = _FINDINGS.get((record.driver, name))
            more = f" ([more](findings/{finding}.md))" if finding else ""
            yield f"  `{_again(record, name)}`{more}"
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
