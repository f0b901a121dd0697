# SPDX-License-Identifier: GPL-2.0-only
"""make in a kernel tree of the host, which stays as it is.

The tree's own tools (modpost, objtool) are linked against the host, so it is the host that
builds with it, with the compiler that the kernel was built with.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..kernels import Build, arch
from ..tree import chroot
from . import own

# The trees are read-only for make, whatever it would like to leave in them.
_MAKE = r"""
trap 'umount -l "$BUILD" "$SOURCE" 2>/dev/null || :' EXIT
for place in "$BUILD" "$SOURCE"; do
    mount --bind "$place" "$place"
    mount -o remount,bind,ro "$place"
done
make -C "$BUILD" "$@"
"""


def _banner(compiler: str) -> str:
    """What kbuild takes for a compiler's version; empty if it cannot be asked."""
    try:
        done = subprocess.run([compiler, "--version"], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.split("\n")[0].replace("#", "")


def _compilers(name: str) -> list[Path]:
    """All that are called so, or so with a version: the one without it first."""
    places = [Path(place) for place in os.get_exec_path()]
    places += sorted(Path("/usr/lib").glob("llvm-*/bin"))
    pattern = re.compile(rf"{name}(-\d+)?")
    found = [
        path
        for place in places
        if place.is_dir()
        for path in sorted(place.iterdir())
        if pattern.fullmatch(path.name) and os.access(path, os.X_OK)
    ]
    return sorted(found, key=lambda path: path.name != name)


def _arguments(compiler: Path, prefix: str, lld: bool) -> list[str]:
    """make's, for a compiler that has been found; ``lld``: LLVM's linker goes with it."""
    name, _, number = compiler.name.removeprefix(prefix).partition("-")
    if name == "gcc":
        return [f"CC={compiler}", *(["LD=ld.lld"] if lld else [])]
    if not lld:
        return [f"CC={compiler}"]
    if number:
        return [f"LLVM=-{number}"]
    return [f"LLVM={compiler.parent}/"]


def toolchain(config: dict[str, str]) -> list[str]:
    """make's arguments for the compiler that a kernel of this configuration was built with.

    LLVM or CC in the environment has the last word. RunnerError if there is no such compiler.
    """
    target = arch.of_config(config)
    whom = [f"{name}={value}" for name, value in target.environment().items()]
    for name in ("LLVM", "CC"):
        if os.environ.get(name):
            return [*whom, f"{name}={os.environ[name]}"]
    wanted = config.get("CONFIG_CC_VERSION_TEXT", "").strip('"')
    clang = config.get("CONFIG_CC_IS_CLANG") == "y"
    for compiler in _compilers("clang" if clang else f"{target.prefix}gcc"):
        if _banner(str(compiler)) == wanted:
            lld = config.get("CONFIG_LD_IS_LLD") == "y"
            return [*whom, *_arguments(compiler, target.prefix, lld)]
    raise RunnerError(
        f"the kernel was built by {wanted!r}, which is not in PATH: add it, name it by "
        "LLVM= or CC=, or build the kernel anew"
    )


def make(what: str, build: Build, arguments: list[str]) -> str:
    """Run make in the build directory with the compiler that built it; its output.

    RunnerError has its last words.
    """
    chroot.require_root()
    process.require("make")
    environment = {
        "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
        "BUILD": str(build.directory),
        "SOURCE": str(own.source_of(build.directory)),
    }
    common = ["-s", f"-j{os.cpu_count() or 1}"]
    compiler = toolchain(own.config(build.directory))
    command = [*chroot.namespace(_MAKE), "sh", *common, *compiler, *arguments]
    return process.run(what, command, env=environment)


def update(work: Path, files: dict[str, Path]) -> None:
    """Copy to ``work`` what differs there, so that make compiles what a change touches."""
    for name, path in files.items():
        target = work / name
        if not target.exists() or target.read_bytes() != path.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
