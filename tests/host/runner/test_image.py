# SPDX-License-Identifier: GPL-2.0-only
"""The image of a guest, without making one."""
from __future__ import annotations

import os
import stat
from pathlib import Path

from guest.image import base as image


def test_tree_that_is_kept_has_its_nodes(tmp_path: Path) -> None:
    """A FIFO stands for the devices, which only root makes: to read one does not end."""
    tree, entry = tmp_path / "made", tmp_path / "entry"
    (tree / "dev").mkdir(parents=True)
    entry.mkdir()
    os.mkfifo(tree / "dev" / "zero")
    (tree / "sh").symlink_to("/bin/dash")
    (tree / "file").write_text("contents")
    (tree / "file").chmod(0o4755)
    image.keep_tree(tree, entry)
    kept = entry / "tree"
    assert stat.S_ISFIFO((kept / "dev" / "zero").lstat().st_mode)
    assert os.readlink(kept / "sh") == "/bin/dash"
    assert (kept / "file").read_text() == "contents"
    assert (kept / "file").stat().st_mode & 0o7777 == 0o4755
