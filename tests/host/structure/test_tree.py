# SPDX-License-Identifier: GPL-2.0-only
"""One finds one's way in the tree: short folders, names that say something, no stale paths."""
from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from ..sample import REPOSITORY

#: Entries of a folder, as ls shows them. An __init__.py is none: Python wants it.
MOST = 16

#: Of exporter the files are one module, which one Kbuild builds; tests has a folder for each
#: subject, and nothing else.
LONG = {"exporter", "tests"}

#: The one header that all files of a module share is called like the module.
SHARED = {"exporter/exporter.h", "importer/importer.h"}

#: Words that say nothing of what a file is for.
EMPTY = {"more", "misc", "util", "utils", "helpers", "stuff", "other"}

#: Frozen, with its comments; and tests that name what is in trees of their own.
APART = (
    "tests/interface/abi/",
    "tests/host/runner/",
    "tests/host/sample.py",
    "tests/host/structure/test_tree.py",
)

#: What tests/ is called elsewhere: of the package, and what the programs are built into.
NOT_OURS = re.compile(r"(debian|build|/build|source|linux-\S*|tools/testing)/tests/")


def tracked() -> list[str]:
    """Every file of the tree, as git has it or would add it."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    text = subprocess.check_output(command, cwd=REPOSITORY, text=True)
    return [name for name in text.splitlines() if (REPOSITORY / name).exists()]


def folders(files: list[str]) -> dict[str, set[str]]:
    """The entries of each folder below the top, files and folders."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in files:
        parts = file.split("/")
        for depth in range(len(parts)):
            found["/".join(parts[:depth]) or "."].add(parts[depth])
    return found


def too_full(files: list[str]) -> list[str]:
    counts = {
        folder: len([e for e in entries if e != "__init__.py" and e[0] != "."])
        for folder, entries in folders(files).items()
    }
    return sorted(
        f"{folder}: {count}" for folder, count in counts.items() if count > MOST
    )


def words(name: str) -> set[str]:
    """Of the name of a file or folder, without what says of which kind it is."""
    return set(re.split(r"[_-]", name.split(".")[0].removeprefix("test_").lower()))


def badly_named(files: list[str]) -> list[str]:
    """Names that repeat their folder's, or say nothing."""
    wrong = set()
    for folder, entries in folders(files).items():
        own = folder.rpartition("/")[2].lower()
        for entry in entries:
            if words(entry) & {own, own.removesuffix("s"), *EMPTY}:
                wrong.add(f"{folder}/{entry}")
    return sorted(wrong)


def stale(files: list[str]) -> list[str]:
    """Paths below tests/ that a file names and that are not there."""
    wrong = []
    for file in files:
        if file.startswith(APART):
            continue
        try:
            text = (REPOSITORY / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for match in re.finditer(r"(\S*?)\btests/[a-z][\w/*.-]*", text):
            name = match[0].removeprefix(match[1]).rstrip(".-")
            if NOT_OURS.search(match[0]) or re.search(r"[\w>}\"]/$", match[1]):
                continue
            if not list(REPOSITORY.glob(re.sub(r"dbr_\w+\.ko$", "", name))):
                wrong.append(f"{file}: {name}")
    return wrong


def test_no_folder_is_too_full() -> None:
    full = [line for line in too_full(tracked()) if line.split(":")[0] not in LONG]
    assert full == []


def test_names_say_what_their_folders_do_not() -> None:
    assert set(badly_named(tracked())) == SHARED


def test_paths_of_tests_are_there() -> None:
    assert stale(tracked()) == []


def test_control_stale_path_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
    (tmp_path / "tests/a").mkdir(parents=True)
    (tmp_path / "tests/a/b.c").write_text("")
    text = "`tests/a/*.c`, [tests/a/](../tests/a), debian/tests/revoke, tests/a/{}.c."
    (tmp_path / "page").write_text(text.format("b"))
    assert stale(["page"]) == []
    (tmp_path / "page").write_text(text.format("c"))
    assert stale(["page"]) == ["page: tests/a/c.c"]


def test_control_full_folders_and_bad_names_are_noticed() -> None:
    many = [f"a/b/{n}.c" for n in range(MOST)]
    assert not too_full([*many, "a/b/__init__.py", "a/b/.hidden", "a/c.c"])
    assert too_full([*many, "a/b/c/d.c"]) == [f"a/b: {MOST + 1}"]
    assert not badly_named(["moves/copies.c", "waits/test_moves.py"])
    bad = ["moves/move_dma.c", "waits/test_waits.py", "x/dma_more.c", "a/a/b.c"]
    assert badly_named(bad) == ["a/a", *sorted(bad)[1:]]
