# SPDX-License-Identifier: GPL-2.0-only
"""The guest runner's packages are a stack: each knows only those below it."""
from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Iterator

import pytest

from ..sample import REPOSITORY

TOP = REPOSITORY / "scripts/guest"
#: Run inside the guest.
APART = "guest-side"
MOST = 16


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """The modules of the runner that this one names, as places below its top."""
    inside = path.parent.relative_to(TOP).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = inside[: len(inside) - node.level + 1]
            below = tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                place = (*above, *below, alias.name)
                module = TOP.joinpath(*place)
                there = module.is_dir() or module.with_suffix(".py").exists()
                yield place if there else place[:-1]


def graph(depth: int) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """Who imports whom: 1, by package; 2, by module."""
    found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for module in TOP.rglob("*.py"):
        if APART not in module.parts and not module.name.startswith("__"):
            here = module.relative_to(TOP).with_suffix("").parts[:depth]
            others = {place[:depth] for place in imported(module)}
            found.setdefault(here, set()).update(others - {here})
    return found


@pytest.mark.parametrize("depth", [1, 2])
def test_nobody_imports_in_a_circle(depth: int) -> None:
    found = graph(depth)
    assert len(found) > 10 and any(found.values())
    order = list(TopologicalSorter(found).static_order())
    assert order[-1] == ("cli",)


def test_a_circle_would_be_seen() -> None:
    found = graph(1)
    found[("tree",)].add(("suite",))
    with pytest.raises(CycleError):
        list(TopologicalSorter(found).static_order())


def test_folders_are_small() -> None:
    for directory in [TOP, *(path for path in TOP.iterdir() if path.is_dir())]:
        entries = [path for path in directory.iterdir() if path.name != "__pycache__"]
        assert len(entries) <= MOST, directory
        assert directory.name not in [path.stem for path in entries], directory
