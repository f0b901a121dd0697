# SPDX-License-Identifier: GPL-2.0-only
"""Files of the kernel's own source tree, out of the archive's linux-source package."""
from __future__ import annotations

from functools import partial
from pathlib import Path

from .. import process
from ..kernels import Kernel
from ..output.progress import phase
from ..tree import archive, bootstrap, cache, chroot

# checkpatch and what it reads. Raise RECIPE when more of the tree is kept.
RECIPE = 1
SCRIPTS = ["checkpatch.pl", "spelling.txt", "const_structs.checkpatch"]
# What reads KTAP.
PARSER = ["kunit_parser.py", "kunit_printer.py"]
PACKAGE = "linux-source"


def _make(kernel: Kernel, names: list[str], scratch: Path, entry: Path) -> None:
    with phase(kernel.name, "kernel source") as part:
        tree = scratch / "tree"
        bootstrap.run(kernel, tree, scratch, "extract", [PACKAGE], [], part)
        (tarball,) = (tree / "usr/src").glob("linux-source-*.tar.xz")
        members = [f"*/{name}" for name in names]
        options = ["--strip-components=1", "--wildcards", "-C", str(entry)]
        process.run(
            "unpacking the kernel source",
            ["tar", "-xJf", str(tarball), *options, *members],
        )


def _prepare(top: Path, kernel: Kernel, kind: str, names: list[str]) -> Path:
    store = cache.Store(top / kind / kernel.name)
    version = archive.kernel_version(top, kernel)
    key = cache.key_of([RECIPE, [Path(name).name for name in names], version])
    found = store.get(key)
    if found:
        return found
    chroot.require_root()
    process.require("mmdebstrap", "tar", "xz", "unshare", "setpriv", "mount")
    with bootstrap.scratch(top, kernel) as scratch:
        return store.make(key, partial(_make, kernel, names, scratch))


def prepare(top: Path, kernel: Kernel) -> Path:
    """A directory with scripts/checkpatch.pl of ``kernel``, made if it is not there.

    ``top`` is the cache directory. The caller holds the kernel's lock.
    """
    return _prepare(top, kernel, "source", [f"scripts/{name}" for name in SCRIPTS])


def parser(top: Path, kernel: Kernel) -> Path:
    """The same, with tools/testing/kunit/kunit_parser.py."""
    names = [f"tools/testing/kunit/{name}" for name in PARSER]
    return _prepare(top, kernel, "parser", names)
