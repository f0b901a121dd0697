# SPDX-License-Identifier: GPL-2.0-only
"""Entries of the cache are complete or absent, whatever happens to the runs that make them."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from guest import settings
from guest.errors import Interrupted, RunnerError
from guest.output import progress
from guest.tree import cache

from ..sample import REPOSITORY

PRELUDE = f"""
import sys
sys.path.insert(0, {str(REPOSITORY / "scripts")!r})
from pathlib import Path
from guest.tree import cache
top = Path(sys.argv[1])
"""
HALF = """
def build(path):
    (path / "half").write_text("x")
    print("building", flush=True)
    sys.stdin.read()
with cache.locked(top, "k"):
    cache.Store(top / "s").make("key", build)
"""
LOCK = """
with cache.locked(top, "k"):
    print("locked", flush=True)
    sys.stdin.read()
"""


def child(script: str, top: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(top)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fill(path: Path) -> None:
    (path / "whole").write_text("x")


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = cache.Store(tmp_path / "s")

    def build(path: Path) -> None:
        fill(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.make("key", build)
    assert store.get("key") is None
    assert list(store.top.iterdir()) == []


def test_a_build_that_is_killed_leaves_no_entry(tmp_path: Path) -> None:
    process = child(HALF, tmp_path)
    assert process.stdout
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store = cache.Store(tmp_path / "s")
    assert store.get("key") is None
    with cache.locked(tmp_path, "k"):  # a dead run holds no lock
        entry = store.make("key", fill)
    assert sorted(path.name for path in entry.iterdir()) == ["whole"]
    assert [path.name for path in store.top.iterdir()] == ["key"]


def test_a_second_run_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    first = child(LOCK, tmp_path)
    assert first.stdout
    assert first.stdout.readline() == "locked\n"
    second = child(LOCK, tmp_path)
    assert second.stdout and second.stderr
    assert "waiting" in second.stderr.readline()
    first.communicate("")
    assert second.stdout.readline() == "locked\n"
    second.communicate("")
    assert (first.returncode, second.returncode) == (0, 0)


def test_only_the_newest_entries_are_kept(tmp_path: Path) -> None:
    store = cache.Store(tmp_path, keep=2)
    for number, key in enumerate(["a", "b", "c"]):
        entry = store.make(key, fill)
        os.utime(entry, (number, number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]
    assert store.get("b")  # and is the newest from now on
    store.make("d", fill)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "d"]


def test_keys_depend_on_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    two.write_text("y")
    keys = {
        cache.hash_files({"a": one}),
        cache.hash_files({"a": two}),
        cache.hash_files({"b": one}),
        cache.hash_files({"a": one, "b": two}),
        cache.hash_files({"a": two, "b": one}),
    }
    assert len(keys) == 5


def test_where_make_builds_is_new_once_a_source_has_gone(tmp_path: Path) -> None:
    with cache.workshop(tmp_path, "owner", ["a.c", "b.c"]) as build:
        (build / "b.o").touch()
    with cache.workshop(tmp_path, "owner", ["a.c", "b.c", "c.c"]) as again:
        assert again == build
    assert (build / "b.o").exists()
    with cache.workshop(tmp_path, "owner", ["a.c", "c.c"]):
        assert not (build / "b.o").exists()


@pytest.mark.parametrize("how", [KeyboardInterrupt, Interrupted, RunnerError])
def test_where_make_builds_is_new_once_make_was_killed(
    tmp_path: Path, how: type[BaseException]
) -> None:
    with pytest.raises(how):
        with cache.workshop(tmp_path, "owner", ["a.c"]) as build:
            (build / "a.o").touch()
            raise how
    with cache.workshop(tmp_path, "owner", ["a.c"]):
        # What make leaves that has failed by itself is whole.
        assert (build / "a.o").exists() == (how is RunnerError)


def test_what_tests_make_up_is_no_history_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that runs here may say how long the next real run will take."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "machine"))
    with progress.phase("7.3", "what is made up"):
        pass
    assert not settings.cache_directory().exists()
