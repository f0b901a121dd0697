# SPDX-License-Identifier: GPL-2.0-only
"""make install, and its reverse."""
from __future__ import annotations

import subprocess
from pathlib import Path

from .sample import REPOSITORY


def make(target: str, build: Path, top: Path, prefix: str) -> None:
    places = [f"BUILD={build}", f"DESTDIR={top}/root", f"PREFIX={prefix}"]
    command = ["make", "-s", "-C", str(REPOSITORY), target, *places]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def files(top: Path) -> set[str]:
    root = top / "root"
    return {str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir()}


def test_uninstall_leaves_nothing_but_what_is_not_ours(
    compiled: Path, tmp_path: Path
) -> None:
    other = tmp_path / "root/opt/x/bin/other"
    other.parent.mkdir(parents=True)
    other.touch()
    make("install", compiled, tmp_path, "/opt/x")
    installed = files(tmp_path)
    assert {"opt/x/bin/dmabuf-revoke", "opt/x/include/dmabuf_revoke.h"} < installed
    make("uninstall", compiled, tmp_path, "/opt/x")
    assert files(tmp_path) == {"opt/x/bin/other"}
