# SPDX-License-Identifier: GPL-2.0-only
"""Commands inside a guest's root tree, on a throw-away overlay.

The tree is the erofs image itself, mounted read-only, so it is never changed and never
needs to be copied or removed as single files. All mounts belong to a mount namespace of
their own and vanish with it, even if the runner is killed.
"""
from __future__ import annotations

import os
from pathlib import Path

from .. import process
from ..errors import RunnerError

_ENTER = r"""
trap 'cd /; umount -Rl "$MNT"' EXIT
mount -t tmpfs -o mode=755 tmpfs "$MNT"
cd "$MNT"
mkdir lower upper work root
if [ -d "$ENTRY/tree" ]; then
    mount --bind "$ENTRY/tree" lower
else
    mount -t erofs -o loop,ro "$ENTRY/root.erofs" lower
fi
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay root
mount -t proc proc root/proc
mount --bind /dev root/dev
while [ $# -gt 0 ]; do
    mkdir -p "root/$1"
    mount --bind "$2" "root/$1"
    shift 2
done
mount -t tmpfs tmpfs root/tmp
if [ -d root/src ]; then mount -o remount,bind,ro root/src; fi
chroot root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    sh -ec "$COMMAND"
"""


def _root_is_mount_point() -> bool:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == "/" for line in mounts)


def namespace(script: str) -> list[str]:
    """The command line that runs ``script`` with mounts and processes of its own."""
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if not _root_is_mount_point():
        # A plain chroot: its mounts cannot be made private, so scripts unmount as well.
        unshare += ["--propagation", "unchanged"]
    return [*unshare, "sh", "-ec", script]


def require_root() -> None:
    """Raise RunnerError unless mounting is allowed."""
    if os.geteuid() != 0:
        raise RunnerError(
            "building a guest mounts and enters its root tree, which only root may; use sudo"
        )


def run(
    what: str,
    mount_point: Path,
    entry: Path,
    command: str,
    binds: dict[str, Path],
    lines: int = 40,
    step: process.Step | None = None,
) -> str:
    """Run the shell command in the tree of image ``entry``; return its output.

    ``binds`` maps names below the tree's root to host directories. "src" is read-only.
    Raises RunnerError, with ``what`` and the last ``lines`` lines, on a failure; ``step`` is
    as in process.run().
    """
    require_root()
    mount_point.mkdir(parents=True, exist_ok=True)
    pairs = [word for name in binds for word in (name, str(binds[name].resolve()))]
    return process.run(
        what,
        [*namespace(_ENTER), "sh", *pairs],
        lines,
        step,
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "MNT": str(mount_point),
            "ENTRY": str(entry),
            "COMMAND": command,
        },
    )
