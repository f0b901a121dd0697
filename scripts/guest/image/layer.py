# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel of one's own adds to a root tree, which is bootstrapped once.

An entry holds what that of a packaged kernel does, the root tree as a link. Its modules are
``layer``, and ``layer.erofs`` as the guest's second disk.
"""
from __future__ import annotations

import json
import shutil
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..kernel import boot, hostbuild, own
from ..kernels import Build
from ..output.progress import phase
from ..tree import cache

# Raise when the recipe changes in a way that the inputs of key() do not show.
RECIPE = 2

# What boot.unpack_kernel() reads.
_READABLE = ["CONFIG_KERNEL_GZIP", "CONFIG_KERNEL_XZ", "CONFIG_KERNEL_ZSTD"]
#: Of the root tree's entry: what belongs to all kernels.
_SHARED = ["root.erofs", "tree", "tools", "programs", "workshops"]


def modules_of(directory: Path) -> list[Path]:
    """The modules that the kernel was built with. RunnerError if one is not there."""
    found = []
    for line in (directory / "modules.order").read_text().splitlines():
        # Older kernels write down where it is installed.
        name = line.removeprefix("kernel/").rsplit(".", 1)[0] + ".ko"
        if not (directory / name).exists():
            raise RunnerError(f"{directory} has no {name}: {own.REBUILD}")
        found.append(directory / name)
    return found


def key(build: Build) -> str:
    """The name of the build as it is now."""
    directory = build.directory
    files = {name: directory / name for name in own.BUILT}
    stats = [(path, path.stat()) for path in modules_of(directory)]
    modules = [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in stats]
    contents = cache.hash_files({**files, "image": build.image})
    return cache.key_of([RECIPE, str(directory), contents, modules])


def _bootable(image: Path, config: dict[str, str]) -> bytes:
    """The kernel as qemu starts it soonest: an ELF file where that can boot."""
    content = image.read_bytes()
    readable = any(name in config for name in _READABLE)
    if readable and boot.elf_boots(config):
        return boot.unpack_kernel(content)
    return content


def _make(root: Path, name: str, build: Build, entry: Path) -> None:
    config = own.config(build.directory)
    release = own.release(build.directory)
    below = entry / "layer/usr"
    below.mkdir(parents=True)
    with phase(name, "the kernel's modules"):
        place = [f"INSTALL_MOD_PATH={below}", "INSTALL_MOD_STRIP=1"]
        hostbuild.make("modules_install", build, [*place, "modules_install"])
        for link in ("build", "source"):
            (below / "lib/modules" / release / link).unlink(missing_ok=True)
        # Where a program looks for it that wants to know what this kernel can do.
        configuration = build.directory / own.BUILT[0]
        shutil.copyfile(configuration, below / "lib/modules" / release / "config")
        disk = ["mkfs.erofs", str(entry / "layer.erofs"), str(entry / "layer")]
        process.run("mkfs.erofs", disk)
    (entry / "vmlinux").write_bytes(_bootable(build.image, config))
    initrd = boot.first_initrd(root / "busybox", below, release, layer=True)
    (entry / "initrd").write_bytes(initrd)
    (entry / "meta.json").write_text(json.dumps({"kernel": name, "release": release}))
    for shared in _SHARED:
        if (root / shared).exists():
            (entry / shared).symlink_to(Path("../..") / shared)


def prepare(root: Path, name: str, build: Build) -> Path:
    """The entry of this build in front of the root tree's entry ``root``, made if need be.

    The caller holds the kernel's lock.
    """
    for shared in ("programs", "workshops"):
        (root / shared).mkdir(exist_ok=True)
    store = cache.Store(root / "kernels")
    this = key(build)
    return store.get(this) or store.make(
        this, lambda entry: _make(root, name, build, entry)
    )
