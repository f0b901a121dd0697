# SPDX-License-Identifier: GPL-2.0-only
"""A kernel of our own, from the archive's linux-source and configuration fragments.

An entry holds ``image``, ``config`` and ``root.tar``: the modules and what out-of-tree
modules are built with, as paths below a root tree.
"""
from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..kernels import Kernel
from ..kernels.arch import Arch, host
from ..output.console import say
from ..output.progress import phase
from ..tree import archive, bootstrap, cache, chroot

# Raise when the recipe changes in a way that the inputs of key() do not show.
RECIPE = 2

#: Where the fragments are.
HERE = Path(__file__).resolve().parent
#: The fragment of what every guest needs.
NEEDS = HERE / "guest.config"

# Beside the compilers: this machine's, for what make runs itself, and the kernel's, which has to be
# the one that builds our modules.
PACKAGES = """
    linux-source gcc make flex bison bc libc6-dev libelf-dev libssl-dev perl python3
    kmod cpio rsync ccache xz-utils lz4
""".split()
# Source and objects, on top of what a tree of packages takes.
NEED = 9 << 30

_CONFIGURE = """
mkdir /build/linux
tar -xJf /usr/src/linux-source-*.tar.xz --strip-components=1 -C /build/linux
cd /build/linux
{environment}
make -s KCONFIG_ALLCONFIG=/build/fragment allnoconfig
cp .config /out/config
"""

# Without a fixed time and user every file that prints them would be compiled anew. It boots
# by its bzImage: gcc 14 and KASAN make the PVH entry call memcmp() before there is a shadow.
_BUILD = """
export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=/ccache CCACHE_MAXSIZE=2G
export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=dmabuf-revoke KBUILD_BUILD_HOST=guest
cd /build/linux
{environment}
# Another kernel is tested meanwhile, and tests look at the clock.
nice make -j{jobs} {target} modules
release=$(make -s kernelrelease)
root=/build/root lib=/usr/lib/modules/$release headers=/usr/src/linux-headers-$release
make -s INSTALL_MOD_PATH=$root/usr INSTALL_MOD_STRIP=1 modules_install
# Our modules are made here, too: it is not to make modpost anew by the compiler that it is told of.
make -s run-command KBUILD_RUN_COMMAND="+CC=\\"\\$(HOSTCC)\\" \\
    \\$(srctree)/scripts/package/install-extmod-build $root$headers"
ln -sfT $headers $root$lib/build
# So that modules_install, of our modules, runs depmod.
cp System.map $root$headers/
cp {image} /out/image
tar -C $root -cf /out/root.tar usr
"""

# What make says of each file.
_STEP = re.compile(r"  [A-Z]+( \[M\])? ")
_SET = re.compile(r"(CONFIG_\w+)=(.*)")
_UNSET = re.compile(r"# (CONFIG_\w+) is not set")


def symbols(text: str) -> dict[str, str]:
    """What a configuration says of each symbol it names; "n" for one that is not set."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _SET.fullmatch(line):
            found[match[1]] = match[2]
        elif match := _UNSET.fullmatch(line):
            found[match[1]] = "n"
    return found


def compare(fragment: str, config: str) -> list[str]:
    """The symbols that did not come out as the fragment asks; nothing, if all did."""
    came = symbols(config)
    return [
        f"{name}: {wanted} asked for, {came.get(name, 'n')} came out"
        for name, wanted in symbols(fragment).items()
        if came.get(name, "n") != wanted
    ]


def needs(arch: Arch) -> list[Path]:
    """The fragments of what every guest of this architecture needs."""
    return [NEEDS, *([HERE / arch.needs] if arch.needs else [])]


def needed(arch: Arch) -> dict[str, str]:
    """The symbols of these fragments, without what the architecture does without."""
    asked = symbols("".join(path.read_text() for path in needs(arch)))
    return {name: asked[name] for name in asked if name not in arch.spared}


def configuration(kernel: Kernel) -> str:
    """All that is asked for: what every guest needs, and the kernel's own fragments."""
    paths = [*needs(kernel.arch), *(HERE / name for name in kernel.fragments)]
    lines = "".join(path.read_text() for path in paths).splitlines(keepends=True)
    spared = kernel.arch.spared
    return "".join(line for line in lines if not set(symbols(line)) & set(spared))


def _packages(kernel: Kernel) -> list[str]:
    """What the tree is made of that the kernel is built in."""
    return list(dict.fromkeys([*PACKAGES, *kernel.arch.compiler]))


def _environment(kernel: Kernel) -> str:
    """A line of shell that tells make whom to build for."""
    words = [f"{name}={value}" for name, value in kernel.arch.environment().items()]
    return " ".join(["export", *words]) if words else ""


def key(top: Path, kernel: Kernel) -> str:
    """The name of the build of source, configuration and compiler as they are now."""
    source = archive.kernel_version(top, kernel)
    package = kernel.arch.compiler[0].split(":")[0]
    name = f"{kernel.suite}.{package}"
    compiler = archive.version(top, name, kernel.suite, package, host().debian)
    inputs = [RECIPE, _packages(kernel), source, configuration(kernel), compiler]
    return cache.key_of(inputs)


def _make(kernel: Kernel, top: Path, scratch: Path, entry: Path) -> None:
    name = kernel.name
    with phase(name, "tree with compiler and kernel source") as part:
        # One that runs here, whatever it builds for.
        row = replace(kernel, arch=host())
        tree = scratch / "tree"
        bootstrap.run(row, tree, scratch, "essential", _packages(kernel), [], part)
    build = scratch / "build"
    build.mkdir()
    ccache = top / "ccache" / name
    ccache.mkdir(parents=True, exist_ok=True)
    environment = _environment(kernel)
    asked = configuration(kernel)
    (build / "fragment").write_text(asked)
    binds = {"build": build, "out": entry, "ccache": ccache}
    with phase(name, "unpacking and configuring"):
        script = _CONFIGURE.format(environment=environment)
        chroot.run("configuring the kernel", top / "mnt", scratch, script, binds)
    wrong = compare(asked, (entry / "config").read_text())
    if wrong:
        raise RunnerError(
            "\n".join([f"{' and '.join(kernel.fragments)} are not honoured:", *wrong])
        )
    with phase(name, "compiling the kernel") as part:
        script = _BUILD.format(
            jobs=os.cpu_count() or 1,
            environment=environment,
            image=kernel.arch.image,
            target=Path(kernel.arch.image).name,
        )
        step = part.counter(_STEP)
        what = "building the kernel"
        chroot.run(what, top / "mnt", scratch, script, binds, step=step)


def prepare(top: Path, kernel: Kernel) -> Path:
    """The entry of the kernel's current build, made if it is not there.

    ``top`` is the cache directory. The caller holds the kernel's lock. RunnerError names
    the symbols that did not come out as asked, or has the last words of make.
    """
    store = cache.Store(top / "kernels" / kernel.name)
    name = key(top, kernel)
    found = store.get(name)
    if found:
        return found
    chroot.require_root()
    process.require("mmdebstrap", "unshare", "setpriv", "mount")
    say(f"[{kernel.name}] no such kernel yet: building one, which takes a while")
    with bootstrap.scratch(top, kernel, NEED) as scratch:
        return store.make(name, lambda entry: _make(kernel, top, scratch, entry))
