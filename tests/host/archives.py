# SPDX-License-Identifier: GPL-2.0-only
"""What differs between two archives that should be the same bytes: tarballs, .debs."""
from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Iterator

Members = dict[str, dict[str, object]]


def members(data: bytes) -> Members:
    """Each member of a tar, in their order, with all that makes up its bytes."""
    found: Members = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            found[member.name] = {
                "mode": oct(member.mode),
                "owner": (member.uid, member.gid, member.uname, member.gname),
                "time": member.mtime,
                "type": (member.type, member.linkname),
                "content": file.read() if file else b"",
            }
    return found


def tars(path: Path) -> dict[str, Members]:
    """The tars in an archive, by the name of each; "" is the archive itself."""
    if path.suffix != ".deb":
        return {"": members(path.read_bytes())}
    found = {}
    for part in ("ctrl", "fsys"):
        command = ["dpkg-deb", f"--{part}-tarfile", str(path)]
        found[f" {part}"] = members(subprocess.check_output(command))
    return found


def _of_contents(one: bytes, other: bytes) -> str:
    at = next((n for n, pair in enumerate(zip(one, other)) if pair[0] != pair[1]), None)
    if at is None:
        return f"{len(one)} and {len(other)} bytes"
    place = slice(max(at - 8, 0), at + 24)
    return f"at {at} of {len(one)}: {one[place]!r} and {other[place]!r}"


def _of_tars(one: Members, other: Members) -> Iterator[str]:
    for name in one.keys() ^ other.keys():
        yield f"{name}: only in the {'first' if name in one else 'second'}"
    for name in one.keys() & other.keys():
        for what, first in one[name].items():
            second = other[name][what]
            if first == second:
                continue
            if isinstance(first, bytes) and isinstance(second, bytes):
                yield f"{name}: {what} {_of_contents(first, second)}"
            else:
                yield f"{name}: {what} {first} and {second}"
    if one.keys() == other.keys() and list(one) != list(other):
        yield "the order of the members"


def differences(one: Path, other: Path) -> list[str]:
    """A line for each member of two archives that differs, none if they are the same bytes."""
    if one.read_bytes() == other.read_bytes():
        return []
    first, second = tars(one), tars(other)
    lines = [
        f"{one.name}{part}: {line}"
        for part in first
        for line in sorted(_of_tars(first[part], second[part]))
    ]
    return lines or [f"{one.name}: its compression"]
