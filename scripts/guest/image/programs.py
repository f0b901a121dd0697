# SPDX-License-Identifier: GPL-2.0-only
"""The user space programs, compiled in the guest's tree against its libraries."""
from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import ContextManager

from ..kernels import Kernel
from ..output.console import say
from ..output.progress import phase
from ..tree import cache, chroot

PARTS = ("tools", "tests")
# What another source tree, or another kernel's tree of the same suite, has compiled.
_CACHE = "export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=/ccache CCACHE_MAXSIZE=500M\n"


def _directory(source: Path, image: Path, bits: int) -> ContextManager[Path]:
    """Where the programs of this image, source tree and word size are built."""
    names = sorted(
        str(path.relative_to(source))
        for part in PARTS
        for path in (source / part).rglob("*.c")
    )
    return cache.workshop(image / "programs", f"{source.resolve()} {bits}", names)


def prepare(kernel: Kernel, source: Path, top: Path, image: Path) -> dict[str, Path]:
    """Run ``make programs``: the programs by name; make decides what is out of date.

    Build directories belong to an image, a source tree and a word size. The caller holds the
    kernel's lock. RunnerError has make's output.
    """
    jobs = os.cpu_count() or 1
    tools = shlex.join(kernel.arch.make_programs(kernel.bits))
    make = f"make -s -j{jobs} -C /src {tools} BUILD=/build programs"
    ccache = top / "ccache" / f"programs.{kernel.suite}"
    ccache.mkdir(parents=True, exist_ok=True)
    directory = _directory(source, image, kernel.bits)
    with phase(kernel.name, "programs"), directory as build:
        binds = {"src": source, "build": build, "ccache": ccache}
        text = chroot.run(make, top / "mnt", image, _CACHE + make, binds)
    if text.strip():
        say(f"[{kernel.name}] {text.rstrip()}")
    return {
        str(path.relative_to(build / part)): path
        for part in PARTS
        for path in sorted((build / part).rglob("*"))
        if path.is_file() and os.access(path, os.X_OK)
    }
