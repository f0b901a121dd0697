# SPDX-License-Identifier: GPL-2.0-only
"""Trees of Debian packages, made by mmdebstrap."""
from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from .. import process
from ..kernels import Kernel
from ..output.progress import Part, phase
from . import archive, cache, chroot

TMPFS = Path("/dev/shm")
TMPFS_NEED = 3 << 30

# What apt and dpkg say of each package.
_STEP = re.compile(r"(Get:\d+|Unpacking|Setting up) ")


def scratch_places(top: Path, name: str) -> list[Path]:
    """Where trees of kernel ``name`` are made, the better place first."""
    mark = cache.key_of(str(top))
    return [TMPFS / f"dmabuf-revoke-{mark}-{name}", top / f"{name}.scratch"]


@contextmanager
def scratch(top: Path, kernel: Kernel, need: int = TMPFS_NEED) -> Iterator[Path]:
    """For the block an empty directory for a tree, on tmpfs where ``need`` bytes are free: half the time.

    ``top`` is the cache directory. The caller holds the kernel's lock, so what is there
    already was left by a run that was killed.
    """
    places = scratch_places(top, kernel.name)
    for path in places:
        shutil.rmtree(path, ignore_errors=True)
    try:
        room = os.statvfs(TMPFS)
        on_tmpfs = room.f_bavail * room.f_frsize >= need
    except OSError:
        on_tmpfs = False
    chosen = places[0 if on_tmpfs else 1]
    try:
        chosen.mkdir(parents=True, mode=0o755)
        yield chosen
    finally:
        with phase(kernel.name, "removing the tree"):
            cache.remove(chosen)


def run(
    kernel: Kernel,
    tree: Path,
    workspace: Path,
    variant: str,
    packages: list[str],
    exclude: list[str],
    part: Part,
) -> None:
    """Fill ``tree`` with mmdebstrap's ``variant`` of the kernel's suite and ``packages``.

    ``linux-*`` packages come from the kernel's own suite. Files that match ``exclude``
    are left out. ``part`` counts what is done of each package. RunnerError has mmdebstrap's last words.
    """
    pin = f"Package: linux-*\\nPin: release n={kernel.kernel_suite}\\nPin-Priority: 990\\n"
    hook = (
        'mkdir -p "$1/etc/apt/preferences.d"; '
        f'printf "{pin}" >"$1/etc/apt/preferences.d/dbr"'
    )
    native = kernel.arch.debian
    foreign = {name.split(":")[1] for name in packages if ":" in name} - {native}
    # apt's patterns have commas of their own.
    patterns = [name for name in packages if name.startswith("?")]
    names = [name for name in packages if name not in patterns]
    base = archive.mirror()
    command = [
        "mmdebstrap",
        "--mode=root",
        "--verbose",
        f"--variant={variant}",
        "--format=directory",
        f"--architectures={','.join([native, *sorted(foreign)])}",
        '--aptopt=Apt::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in exclude),
        *(f"--include={pattern}" for pattern in patterns),
        f"--include={','.join(names)}",
        f"--setup-hook={hook}",
        kernel.suite,
        str(tree),
        f"deb {base} {kernel.suite} main",
        # The kernel is of one architecture only.
        *(f"deb [arch={native}] {base} {suite} main" for suite in kernel.suites[1:]),
    ]
    # In a namespace, so that none of its processes and mounts outlives an interruption.
    process.run(
        f"making a tree of {kernel.suite} from {base}",
        [*chroot.namespace('exec "$@"'), "sh", *command],
        step=part.counter(_STEP),
        env={**os.environ, "TMPDIR": str(workspace)},
    )
