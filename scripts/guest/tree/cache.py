# SPDX-License-Identifier: GPL-2.0-only
"""Directories that are either complete or not there.

An entry is made in a temporary directory and renamed into place. Temporary ones are made
only under the lock of their kernel, so whoever gets that lock next may remove them.
"""
from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

from .. import process
from ..output.console import say

KEEP = 2
KEEP_WORKSHOPS = 4


def key_of(inputs: Any) -> str:
    """A name for whatever depends on ``inputs`` (anything JSON can hold)."""
    text = json.dumps(inputs, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_files(files: dict[str, Path]) -> str:
    """A hash of names and contents."""
    total = hashlib.sha256()
    for name in sorted(files):
        content = files[name].read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:16]


@contextmanager
def locked(cache: Path, name: str) -> Iterator[None]:
    """Hold the lock called ``name``; waits, and says so, while another run has it."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{name}.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"[{name}] waiting for another run that is building")
            # By a child, which an interruption kills, whichever thread waits for it.
            number = handle.fileno()
            process.run("flock", ["flock", str(number)], pass_fds=[number])
        yield


def remove(path: Path) -> None:
    """Remove a tree to the end; an interruption comes through only then."""
    try:
        shutil.rmtree(path, ignore_errors=True)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def by_age(top: Path) -> list[Path]:
    """The complete entries in ``top``, the last used first."""
    found = [p for p in top.glob("*") if not p.name.startswith("tmp.")]
    return sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)


@contextmanager
def workshop(top: Path, owner: str, names: list[str]) -> Iterator[Path]:
    """A directory below ``top`` in which make builds for ``owner``; the next run finds it.

    It starts anew when one of the sources ``names`` has gone, since make would leave behind
    what it made of that, and when make was killed, since it would take a file that is half
    written for a whole one. The caller holds the lock.
    """
    build = top / key_of(owner)
    record, busy = build / "sources.json", build / "busy"
    try:
        known = json.loads(record.read_text())
    except (OSError, ValueError):
        known = []
    if busy.exists() or not set(known) <= set(names):
        shutil.rmtree(build)
    build.mkdir(parents=True, exist_ok=True)
    busy.touch()
    record.write_text(json.dumps(names))
    os.utime(build)
    for old in by_age(top)[KEEP_WORKSHOPS:]:
        shutil.rmtree(old)
    try:
        yield build
    except Exception:
        busy.unlink()  # make has failed, but it has ended by itself
        raise
    busy.unlink()


class Store:
    """The entries of one kind and name: directories named by key below ``top``."""

    def __init__(self, top: Path, keep: int = KEEP) -> None:
        self.top = top
        self.keep = keep

    def get(self, key: str) -> Path | None:
        """The entry of ``key``, marked as the newest, or None."""
        entry = self.top / key
        if not entry.is_dir():
            return None
        os.utime(entry)
        return entry

    def make(self, key: str, build: Callable[[Path], None]) -> Path:
        """Fill a new entry by ``build``; older ones beyond ``keep`` are removed.

        The caller holds the lock. Nothing is left behind if ``build`` fails.
        """
        self.remove_stale()
        temporary = self.top / f"tmp.{key}"
        try:
            temporary.mkdir(parents=True)
            build(temporary)
            os.rename(temporary, self.top / key)
        except BaseException:
            remove(temporary)
            raise
        for old in by_age(self.top)[self.keep :]:
            # Out of the way by one rename, so that an interruption leaves no half entry.
            doomed = self.top / f"tmp.{old.name}"
            os.rename(old, doomed)
            remove(doomed)
        return self.top / key

    def remove_stale(self) -> None:
        """Remove what interrupted runs have left. The caller holds the lock."""
        for path in self.top.glob("tmp.*"):
            shutil.rmtree(path, ignore_errors=True)


def size_of(top: Path) -> int:
    """Bytes on disk below ``top``."""
    total = 0
    for directory, _, names in os.walk(top):
        for name in names:
            try:
                total += os.lstat(os.path.join(directory, name)).st_blocks * 512
            except FileNotFoundError:
                pass  # another run is at work
    return total
