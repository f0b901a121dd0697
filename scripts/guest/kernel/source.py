# SPDX-License-Identifier: GPL-2.0-only
"""Files of the kernel's own source tree, out of the archive's linux-source package."""
from __future__ import annotations

from pathlib import Path

from .. import process
from ..kernels import Kernel
from ..output.progress import phase
from ..tree import archive, bootstrap, cache, chroot

# checkpatch and what it reads. Raise RECIPE when more of the tree is kept.
RECIPE = 1
SCRIPTS = ["checkpatch.pl", "spelling.txt", "const_structs.checkpatch"]
PACKAGE = "linux-source"


def _make(kernel: Kernel, scratch: Path, entry: Path) -> None:
    with phase(kernel.name, "kernel source") as part:
        tree = scratch / "tree"
        bootstrap.run(kernel, tree, scratch, "extract", [PACKAGE], [], part)
        (tarball,) = (tree / "usr/src").glob("linux-source-*.tar.xz")
        members = [f"*/scripts/{name}" for name in SCRIPTS]
        options = ["--strip-components=1", "--wildcards", "-C", str(entry)]
        process.run(
            "unpacking the kernel source",
            ["tar", "-xJf", str(tarball), *options, *members],
        )


def prepare(top: Path, kernel: Kernel) -> Path:
    """A directory with scripts/checkpatch.pl of ``kernel``, made if it is not there.

    ``top`` is the cache directory. The caller holds the kernel's lock.
    """
    store = cache.Store(top / "source" / kernel.name)
    version = archive.kernel_version(top, kernel)
    name = cache.key_of([RECIPE, SCRIPTS, version])
    found = store.get(name)
    if found:
        return found
    chroot.require_root()
    process.require("mmdebstrap", "tar", "xz", "unshare", "setpriv", "mount")
    with bootstrap.scratch(top, kernel) as scratch:
        return store.make(name, lambda entry: _make(kernel, scratch, entry))
