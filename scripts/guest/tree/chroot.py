# SPDX-License-Identifier: GPL-2.0-only
"""Commands inside a guest's root tree, on a throw-away overlay.

The tree is the erofs image itself, mounted read-only, so it is never changed and never
needs to be copied or removed as single files. All mounts belong to a mount namespace of
their own and vanish with it, even if the runner is killed.

Programs of another architecture cannot be run here. Such an image has ``tools``, a tree whose
compiler builds for it: commands run in that, with the image's kernel headers and modules in place
of its own (image/foreign.py).
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
tree() { # ENTRY DIRECTORY
    if [ -d "$1/tree" ]; then
        mount --bind "$1/tree" "$2"
    else
        mount -t erofs -o loop,ro "$1/root.erofs" "$2"
    fi
}
over() { # LOWER NAME DIRECTORY
    mkdir "upper.$2" "work.$2"
    mount -t overlay -o "lowerdir=$1,upperdir=upper.$2,workdir=work.$2" overlay "$3"
}
mkdir lower root
if [ -e "$ENTRY/tools" ]; then
    mkdir image
    tree "$ENTRY/tools" lower
    tree "$ENTRY" image
    over lower root root
    mkdir -p root/usr/lib/modules
    over image/usr/src headers root/usr/src
    over image/usr/lib/modules modules root/usr/lib/modules
else
    tree "$ENTRY" lower
    over lower root root
fi
mount -t proc proc root/proc
mount --bind /dev root/dev
while [ $# -gt 0 ]; do
    mkdir -p "root/$1"
    mount --bind "$2" "root/$1"
    shift 2
done
mount -t tmpfs tmpfs root/tmp
if [ -d root/src ]; then mount -o remount,bind,ro root/src; fi
words=
if [ -e root/etc/environment.tools ]; then words=$(cat root/etc/environment.tools); fi
# shellcheck disable=SC2086 # they are several
chroot root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 $words \
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
