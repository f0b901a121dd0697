# SPDX-License-Identifier: GPL-2.0-only
"""Every path that the map of the tree and the guide to it name is there."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..sample import REPOSITORY

DOCUMENTS = ["CONTRIBUTING.md", "docs/architecture.md"]

BLOCK = re.compile(r"^```.*?^```$", re.M | re.S)
QUOTED = re.compile(r"`([^`\s]+)`")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
#: In a block of commands: what is below a folder of the tree.
IN_BLOCK = re.compile(
    r"(?<![\w/.~$-])(?:tests|tools|scripts|docs|exporter|importer)/\S+"
)
#: Of a path: a folder before it, or what a file of ours ends with.
PATH = re.compile(r"[\w.-]+/[\w./-]*|[\w-]+\.(?:md|conf|[ch]|py)|Makefile")
#: What is made, and is not part of the tree.
MADE = re.compile(r"build/|console\.log")


def missing(name: str) -> list[str]:
    """What the document names and the tree lacks."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    prose = BLOCK.sub("", text)
    words = QUOTED.findall(prose) + [
        word.rstrip("',;)")
        for block in BLOCK.findall(text)
        for word in IN_BLOCK.findall(block)
    ]
    paths = [Path(word) for word in words if PATH.fullmatch(word)]
    links = [Path(name).parent / target for target in LINK.findall(prose)]
    assert paths and links
    return [
        str(path)
        for path in paths + links
        if not MADE.match(str(path)) and not (REPOSITORY / path).exists()
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_are_there(name: str) -> None:
    assert missing(name) == []


def test_control_stale_paths_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/there.md").write_text("")
    (tmp_path / "docs/map.md").write_text(
        "`docs/there.md` `docs/` `docs/gone.md` `gone/` `gone.h` `build/x` `make it`\n"
        "[there](there.md#part), [gone](lost.md), `/src/scripts/no`\n"
        "```sh\nscripts/gone now; sh /src/scripts/no; cat docs/there.md\n```\n"
    )
    assert missing("docs/map.md") == [
        "docs/gone.md",
        "gone",
        "gone.h",
        "scripts/gone",
        "docs/lost.md",
    ]
