# SPDX-License-Identifier: GPL-2.0-only
"""What an image of another architecture needs, whose programs cannot be run here.

Its tree is unpacked, not installed: what the packages' scripts would have done is done here. What
is made for it, by a cross compiler, is made in a second tree, the tools: one of this machine's
architecture, of the same suite, so that its Python compiles for the other one. An entry of it
holds ``root.erofs`` and, where the host cannot mount that, ``tree``.
"""
from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..kernels import Kernel
from ..kernels.arch import AMD64, Arch, host
from ..output.console import say
from ..output.progress import phase
from ..tree import archive, bootstrap, cache, chroot

# Raise when the recipe changes in a way that the inputs of key() do not show.
RECIPE = 1

# mmdebstrap's variant "extract" is of the packages that are named, and no others.
UNPACKED = ["?essential"]
EXCLUDE = ["/usr/lib/modules/*/dtb/*", "/usr/lib/linux-image-*"]

_TOOLS = """
    dkms make pkg-config ccache sparse kmod cpio python3-pytest python3-pytest-timeout
""".split()
_LIBRARIES = """
    libc6-dev check libsmartcols-dev zlib1g-dev libtracefs-dev libtraceevent-dev libtracecmd-dev
    libbpf-dev
""".split()

#: In the tools tree: words for the environment of all that runs there (tree/chroot.py).
ENVIRONMENT = "etc/environment.tools"
# dkms calls it by this name only.
_STRIP = "usr/lib/cross/strip"

_COMPILE = """
find /image/usr/lib/python3* -maxdepth 0 -type d |
    xargs python3 -m compileall -q -j 0 -s /image -p / >/dev/null || :
"""


def packages(arch: Arch, kernel_suite: str) -> list[str]:
    """What the tools tree is made of. Of the kernel's: its modpost and fixdep, as programs."""
    kbuild = (
        f"?narrow(?codename(^{kernel_suite}$),?name(^linux-kbuild-),"
        f"?architecture({host().debian}))"
    )
    libraries = [f"{library}:{arch.debian}" for library in _LIBRARIES]
    return [kbuild, *arch.compiler, *_TOOLS, *libraries]


def _row(kernel: Kernel) -> Kernel:
    """The tools tree as a row: what makes trees takes one."""
    name = f"{kernel.kernel_suite}.{kernel.arch.debian}-tools"
    return Kernel(name, kernel.suite, kernel.kernel_suite, host(), host().debian)


def names(kernels: list[Kernel]) -> list[str]:
    """What the tools trees of these rows are called."""
    return [_row(kernel).name for kernel in kernels if kernel.arch.foreign]


def _make(arch: Arch, row: Kernel, scratch: Path, entry: Path) -> None:
    tree = scratch / "tree"
    with phase(row.name, "tools tree") as part:
        wanted = packages(arch, row.kernel_suite)
        exclude = [f"/usr/share/{each}/*" for each in "doc man locale info".split()]
        bootstrap.run(row, tree, scratch, "essential", wanted, exclude, part)
    strip = tree / _STRIP
    strip.parent.mkdir()
    strip.symlink_to(f"/usr/bin/{arch.prefix}strip")
    words = [f"{name}={value}" for name, value in arch.environment().items()]
    path = f"PATH=/{_STRIP.rpartition('/')[0]}:/usr/sbin:/usr/bin:/sbin:/bin"
    (tree / ENVIRONMENT).write_text(" ".join([path, *words]) + "\n")
    with phase(row.name, "disk image"):
        image = str(entry / "root.erofs")
        process.run("mkfs.erofs", ["mkfs.erofs", image, str(tree)])


def prepare(top: Path, kernel: Kernel) -> Path:
    """The entry of the tools for this kernel, made if it is not there.

    ``top`` is the cache directory. RunnerError if there is no emulating that architecture here.
    """
    if kernel.arch is AMD64:
        raise RunnerError(
            f"{kernel.name} is for amd64, whose memory order cannot be emulated here with "
            "several CPUs: choose a row of this machine's architecture"
        )
    row = _row(kernel)
    version = archive.kernel_version(top, kernel)
    key = cache.key_of(
        [RECIPE, row.suites, packages(kernel.arch, row.kernel_suite), version]
    )
    with cache.locked(top, row.name):
        store = cache.Store(top / "images" / row.name)
        found = store.get(key)
        if found:
            return found
        chroot.require_root()
        process.require("mmdebstrap", "mkfs.erofs", "unshare", "setpriv", "mount")
        say(f"[{kernel.name}] no tools to build for {kernel.arch.debian} yet: making")
        with bootstrap.scratch(top, row) as scratch:
            return store.make(
                key, lambda entry: _make(kernel.arch, row, scratch, entry)
            )


def complete(tree: Path, tools: Path, top: Path) -> None:
    """Do in an unpacked tree what its packages' scripts would have done, as far as it matters."""
    for name in ("passwd", "group"):
        master = tree / "usr/share/base-passwd" / f"{name}.master"
        shutil.copyfile(master, tree / "etc" / name)
    for link, target in {"awk": "mawk", "cc": "gcc"}.items():
        (tree / "usr/bin" / link).symlink_to(target)
    modules = tree / "usr/lib/modules"
    modules.mkdir(
        exist_ok=True
    )  # chroot.py looks there, also for a kernel of one's own
    for path in modules.iterdir():
        process.run("depmod", ["depmod", "-b", str(tree), path.name])
    # Importing pytest takes 9 s in the guest without it, and 3 s with it.
    binds = {"image": tree}
    chroot.run("compiling Python", top / "mnt", tools, _COMPILE, binds)
