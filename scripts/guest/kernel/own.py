# SPDX-License-Identifier: GPL-2.0-only
"""The kernel that somebody has just built, as a row beside those of kernels/."""
from __future__ import annotations

import re
from pathlib import Path

from .. import kernels
from ..errors import RunnerError
from ..kernels import Build, Kernel, arch
from ..kernels.arch import Arch
from . import boot, kbuild

#: What a complete build leaves; the first is the configuration that it was built with.
BUILT = [
    "include/config/auto.conf",
    "include/config/kernel.release",
    "Module.symvers",
    "modules.order",
]
NO_BUILD = "the kernel own is the one built in KERNEL_BUILD=DIRECTORY: name that"
NO_TREE = "KERNEL_BUILD is where a kernel is built, its source tree or what O= named"
REBUILD = "kernel and modules are not built; run make there"

# With these a kernel needs what our own instrumented one does.
_SLOW = ["CONFIG_KASAN", "CONFIG_PROVE_LOCKING", "CONFIG_DEBUG_KMEMLEAK"]
_VERSION = re.compile(rb"Linux version (\S+) ")
_ELF = b"\x7fELF"


def source_of(directory: Path) -> Path:
    """The source tree of a build directory: with O= another one."""
    link = directory / "source"
    return link.resolve() if link.is_symlink() else directory


def config(directory: Path) -> dict[str, str]:
    """The configuration that the kernel was built with."""
    return kbuild.symbols((directory / BUILT[0]).read_text())


def arch_of(directory: Path) -> Arch:
    """What the kernel was built for."""
    return arch.of_config(config(directory))


def release(directory: Path) -> str:
    """The release of the kernel that was built."""
    return (directory / BUILT[1]).read_text().strip()


def release_of(image: Path) -> str:
    """The release that a kernel gives. RunnerError if it is none that is known."""
    content = image.read_bytes()
    if content.startswith(_ELF) or boot.is_plain(content):
        if match := _VERSION.search(content):
            return match[1].decode()
    elif content[0x202:0x206] == b"HdrS":
        start = 0x200 + int.from_bytes(content[0x20E:0x210], "little")
        return content[start : start + 256].split(b"\0")[0].split(b" ")[0].decode()
    raise RunnerError(
        f"{image} is no kernel: KERNEL_IMAGE is a bzImage or a vmlinux, of arm64 an Image"
    )


def missing(found: dict[str, str]) -> list[str]:
    """The symbols that a guest needs and this configuration does not have."""
    loadable = boot.MODULES.values()
    return [
        name
        for name in kbuild.needed(arch.of_config(found))
        if found.get(name) not in (["y", "m"] if name in loadable else ["y"])
    ]


def _require(directory: Path, names: list[str], why: str) -> None:
    for name in names:
        if not (directory / name).exists():
            raise RunnerError(f"{directory} has no {name}: {why}")


def _check_config(directory: Path) -> None:
    lacks = missing(config(directory))
    if lacks:
        merge = source_of(directory) / "scripts/kconfig/merge_config.sh"
        fragments = " ".join(map(str, kbuild.needs(arch_of(directory))))
        raise RunnerError(
            f"the kernel in {directory} lacks what a guest needs: {', '.join(lacks)}\n"
            "add it and build the kernel again, with the arguments of make as ever:\n"
            f"  {merge} -m -O {directory} {directory}/.config {fragments}\n"
            f"  make -C {directory} olddefconfig\n"
            f"  make -C {directory}"
        )


def _check(build: Build) -> None:
    """RunnerError unless it is complete, of one release, and what a guest can boot."""
    directory, image = build.directory, build.image
    _require(directory, BUILT[:2], REBUILD)
    _check_config(directory)
    _require(directory, BUILT[2:], REBUILD)
    if not image.is_file():
        raise RunnerError(
            f"no kernel at {image}: run make, or name it by KERNEL_IMAGE="
        )
    here, there = release(directory), release_of(image)
    if here != there:
        raise RunnerError(
            f"{image} is a kernel {there}, the modules in {directory} are for {here}: "
            "KERNEL_IMAGE and KERNEL_BUILD have to be of one build"
        )
    with open(image, "rb") as handle:
        elf = handle.read(len(_ELF)) == _ELF
    if elf and not boot.elf_boots(config(directory)):
        raise RunnerError(
            f"{image} does not boot: as an ELF file only a kernel with CONFIG_PVH and "
            f"without KASAN does; name its {Path(arch_of(directory).image).name}"
        )


def kernel(directory: str, image: str = "") -> Kernel:
    """The row of the kernel in this build directory; ``image``: another one than make's.

    RunnerError says what is wrong with either, and what to do.
    """
    if not directory:
        raise RunnerError(NO_BUILD)
    top = Path(directory).expanduser().resolve()
    _require(top, [".config", "Makefile"], NO_TREE)
    _require(top, BUILT[:1], REBUILD)
    target = arch_of(top)
    made = top / target.image
    build = Build(top, Path(image).expanduser().resolve() if image else made)
    _check(build)
    slow = any(name in config(top) for name in _SLOW)
    like = kernels.debug(target) if slow else kernels.stock(target)
    return Kernel(
        kernels.OWN,
        suite=like.suite,
        # Where it is of another architecture, it shares the tools of the row's.
        kernel_suite=like.kernel_suite if target.foreign else like.suite,
        arch=target,
        flavour=kernels.stock(target).flavour,
        built=build,
        memory=like.memory,
        append=like.append,
        patience=like.patience,
        shards=like.shards,
    )
