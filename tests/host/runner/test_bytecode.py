# SPDX-License-Identifier: GPL-2.0-only
"""What of the tests is compiled before there is a guest, without a tree to do so in."""
from __future__ import annotations

import os
import py_compile
from pathlib import Path
from typing import Any

import pytest

from guest import kernels
from guest.errors import RunnerError
from guest.image import bytecode
from guest.tree import chroot

HOME = "/opt/dmabuf-revoke"
MADE = "tests/__pycache__/test_it.this.pyc"


class Tree:
    """Stands for the guest's tree: compiles the tests there are, unless it is ``broken``."""

    def __init__(self) -> None:
        self.runs, self.broken = 0, False

    def run(self, what: str, mount: Path, image: Path, script: str, binds: Any) -> str:
        self.runs += 1
        assert f"mount --bind /src {HOME}\n" in script
        if self.broken:
            raise RunnerError(f"{what}: a test cannot be imported")
        for path in (binds["src"] / "tests").glob("*.py"):
            target = binds["build"] / HOME[1:] / "tests" / f"{path.stem}.this.pyc"
            py_compile.compile(str(path), cfile=str(target), doraise=True)
        return ""


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> Tree:
    made = Tree()
    monkeypatch.setattr(chroot, "run", made.run)
    return made


def prepare(top: Path) -> dict[str, bytes]:
    (top / "source/tests").mkdir(parents=True, exist_ok=True)
    where = top / "source", top, top / "image"
    return bytecode.prepare(kernels.lookup("7.3"), *where, HOME)


def test_made_once_and_of_no_time(tmp_path: Path, tree: Tree) -> None:
    """In a guest all files are as old."""
    source = tmp_path / "source/tests/test_it.py"
    source.parent.mkdir(parents=True)
    source.write_text("assert 1\n")
    first = prepare(tmp_path)
    assert list(first) == [MADE]
    size = source.stat().st_size.to_bytes(4, "little")
    assert first[MADE][8:16] == bytes(4) + size
    assert prepare(tmp_path) == first and tree.runs == 1
    # The same length, and maybe the same second.
    source.write_text("assert 2\n")
    later = source.stat().st_mtime_ns + 1
    os.utime(source, ns=(later, later))
    assert prepare(tmp_path)[MADE] != first[MADE] and tree.runs == 2


def test_of_what_has_changed_nothing_is_left(tmp_path: Path, tree: Tree) -> None:
    """Also where it could not be made anew; that is tried once."""
    source = tmp_path / "source/tests/test_it.py"
    source.parent.mkdir(parents=True)
    source.write_text("assert 1\n")
    other = source.with_name("test_other.py")
    other.write_text("assert 1\n")
    assert len(prepare(tmp_path)) == 2
    tree.broken = True
    source.write_text("assert 10\n")
    assert list(prepare(tmp_path)) == [MADE.replace("test_it", "test_other")]
    assert len(prepare(tmp_path)) == 1 and tree.runs == 2
    other.unlink()
    assert not prepare(tmp_path)


def test_a_tree_without_tests(tmp_path: Path, tree: Tree) -> None:
    assert not prepare(tmp_path) and not tree.runs
