# SPDX-License-Identifier: GPL-2.0-only
"""From the README links lead to every page, and none leads nowhere."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..sample import REPOSITORY


def pages() -> set[Path]:
    """What is written to be read, in this tree."""
    return {*REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("*.md")}


def targets(page: Path) -> Iterator[Path]:
    """Files and folders of this tree, as they are named there."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            yield (page.parent / target).resolve()


def reached() -> set[Path]:
    todo = [REPOSITORY / "README.md"]
    seen: set[Path] = set()
    while todo:
        page = todo.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        if page.suffix == ".md":
            todo += targets(page)
    return seen


def test_links_of_every_page_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(REPOSITORY)}: {target}"
        for page in pages() | {page for page in reached() if page.suffix == ".md"}
        for target in targets(page)
        if not target.exists()
    ]
    assert not broken


def test_every_page_is_reached_from_the_readme() -> None:
    missing = {path.relative_to(REPOSITORY) for path in pages() - reached()}
    assert not missing
