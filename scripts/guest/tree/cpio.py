# SPDX-License-Identifier: GPL-2.0-only
"""A writer of "newc" cpio archives, the format of an initramfs.

Archives may be concatenated: later ones add to and override earlier ones.
"""
from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath


class Archive:
    """Collects entries in memory; names are absolute paths in the guest."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._known: set[str] = set()
        self._inode = 0

    def _entry(self, name: str, mode: int, data: bytes = b"") -> None:
        self._inode += 1
        raw = name.encode() + b"\0"
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0]
        header = b"070701" + b"".join(b"%08x" % value for value in fields)
        for part in (header + raw, data):
            self._parts.append(part + b"\0" * (-len(part) % 4))

    def _parents(self, name: PurePosixPath) -> str:
        """Add the directories above ``name``; return it without the leading slash."""
        for parent in reversed(name.parents):
            self.directory(str(parent))
        return str(name).lstrip("/")

    def directory(self, name: str, mode: int = 0o755) -> None:
        short = name.strip("/")
        if short and short not in self._known:
            self._parents(PurePosixPath(name))
            self._known.add(short)
            self._entry(short, stat.S_IFDIR | mode)

    def data(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._entry(self._parents(PurePosixPath(name)), stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        short = self._parents(PurePosixPath(name))
        self._entry(short, stat.S_IFLNK | 0o777, target.encode())

    def file(self, name: str, path: Path) -> None:
        """Add the file or link at ``path`` with its permissions."""
        if path.is_symlink():
            self.link(name, os.readlink(path))
        else:
            mode = stat.S_IMODE(path.stat().st_mode)
            self.data(name, path.read_bytes(), mode)

    def tree(self, name: str, top: Path, skip: frozenset[str] = frozenset()) -> None:
        """Add everything below ``top``; entries whose own name is in ``skip`` are left out."""
        self.directory(name)
        for path in sorted(top.iterdir()):
            if path.name in skip:
                continue
            if path.is_dir() and not path.is_symlink():
                self.tree(f"{name}/{path.name}", path, skip)
            elif path.is_symlink() or path.is_file():
                self.file(f"{name}/{path.name}", path)

    def content(self) -> bytes:
        """The archive, padded so that another one can follow."""
        self._inode = -1
        trailer = Archive()
        trailer._entry("TRAILER!!!", 0)
        raw = b"".join(self._parts + trailer._parts)
        return raw + b"\0" * (-len(raw) % 512)
