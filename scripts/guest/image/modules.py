# SPDX-License-Identifier: GPL-2.0-only
"""The package's modules, made inside the guest's tree.

For a packaged kernel DKMS makes them, as on a user's machine. For a kernel of our own make does;
where it counts, what gcov needs to read the counts is kept beside them as ``notes``.
For a kernel that somebody has built the host makes them, which is where its tree works.
"""
from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..kernel import hostbuild
from ..kernels import Build, Kernel
from ..output.console import say
from ..output.progress import phase
from ..tree import cache, chroot

PARTS = "dkms.conf Kbuild Makefile LICENSE include exporter importer".split()
_SOURCE = re.compile(r"(.*\.[chS]|Kbuild|Makefile|LICENSE|dkms\.conf)$")
# Modules of the tests, never part of the package: an importer that they take apart, the worst of
# caches, a DMA engine with a client, an exporter of I/O memory, and, for debug kernels, what
# provokes each detector.
TESTED = [
    "tests/importer/peer",
    "tests/importer/cache",
    "tests/devices/edu",
    "tests/devices/bar",
]
PROVOKER = "tests/gates/provoke"
KEEP = 4
RECIPE = [Path(__file__), Path(chroot.__file__), Path(hostbuild.__file__)]

# Of an edit, only what it touches is compiled anew.
_BEGIN = """
name={name} version={version} release={release}
export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=/ccache CCACHE_MAXSIZE=300M
export CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime
mkdir /tmp/before
cp /usr/lib/modules/$release/modules.* /tmp/before/
"""

# The tests' modules first: depmod is run by dkms.
_DKMS = """
cp -r /out/source /usr/src/$name-$version
for part in {tested}; do
    [ -e /out/source/$part/Kbuild ] || continue
    for target in modules modules_install; do
        make -j {jobs} -C /usr/lib/modules/$release/build M=/usr/src/$name-$version/$part \
            INSTALL_MOD_DIR=updates $target >>/out/make.log 2>&1
    done
done
log() {{ find /var/lib/dkms -name make.log -exec cp {{}} /out/make.log ';'; }}
trap log EXIT
dkms add $name/$version
dkms build $name/$version -k $release/{machine} -j {jobs}
dkms install $name/$version -k $release/{machine}
"""

# DKMS removes the notes that gcov needs. The path is part of the names of the counts. The kernel was
# built without pahole, and make warns if there is one now.
SOURCE = "/usr/src/dmabuf-revoke"
_MAKE = """
cp -r /out/source {source}
for part in . {tested} {provoker}; do
    [ -e {source}/$part/Kbuild ] || continue
    for target in modules modules_install; do
        make -j {jobs} -C /usr/lib/modules/$release/build M={source}/$part \
            PAHOLE=none {counted} INSTALL_MOD_DIR=updates $target >>/out/make.log 2>&1
    done
done
mkdir /out/notes
cd {source}
find exporter importer include -name '*.gcno' -o -name '*.[ch]' | cpio -pdm --quiet /out/notes
"""

# What depmod has changed is collected too, so that modprobe in the guest finds the modules.
_END = """
cd /usr/lib/modules/$release
mkdir /out/modules
cp -r updates /out/modules/
for file in modules.*; do
    cmp -s $file /tmp/before/$file || cp $file /out/modules/
done
"""


def sources(top: Path, parts: list[str]) -> dict[str, Path]:
    """The files of these parts: name below ``top`` to path. RunnerError if incomplete."""
    found: dict[str, Path] = {}
    for part in parts:
        path = top / part
        if path.is_file():
            found[part] = path
        for directory, _, names in os.walk(path):
            for name in names:
                if _SOURCE.fullmatch(name):
                    inner = Path(directory, name)
                    found[str(inner.relative_to(top))] = inner
    if "dkms.conf" not in found:
        raise RunnerError(f"{top} has no dkms.conf: not a source of the modules")
    return found


def key(files: dict[str, Path]) -> str:
    """What is made of these files, and by which recipe: this file and whom it has do it."""
    recipe = {f"recipe/{path.name}": path for path in RECIPE}
    return cache.hash_files({**files, **recipe})


def package(dkms_conf: str) -> tuple[str, str]:
    """Name and version that a dkms.conf declares."""
    values = []
    for field in ("PACKAGE_NAME", "PACKAGE_VERSION"):
        match = re.search(rf'^\s*{field}="?([\w.+~-]+)"?', dkms_conf, re.M)
        if not match:
            raise RunnerError(f"dkms.conf declares no {field}")
        values.append(match[1])
    return values[0], values[1]


def _warnings(log: str) -> str:
    """The compiler's warnings, each with the lines that belong to it."""
    shown: list[str] = []
    inside = 0
    for line in log.splitlines():
        if re.search(r"\bwarning:|^WARNING:", line, re.I):
            inside = 6
        elif re.match(r"\s+(\w+|make)\b.*\s\[?M\]?\s|make|#|\s*$", line):
            inside = 0
        if inside:
            shown.append(line)
            inside -= 1
    return "\n".join(shown)


def _on_host(build: Build, work: Path, image: Path, release: str, entry: Path) -> None:
    """Compile in ``work`` with the tree that ``image`` was made from."""
    what = "the modules' build"
    parts = [work, *(work / part for part in TESTED if (work / part).is_dir())]
    log = "".join(
        hostbuild.make(what, build, [f"M={part}", "modules"]) for part in parts
    )
    # depmod looks at all modules, and replaces files rather than changing them.
    tree = entry / "tree"
    process.run(what, ["cp", "-al", str(image / "layer"), str(tree)])
    place = [f"INSTALL_MOD_PATH={tree}/usr", "INSTALL_MOD_DIR=updates"]
    for part in parts:
        log += hostbuild.make(what, build, [f"M={part}", *place, "modules_install"])
    (entry / "make.log").write_text(log)
    lib = f"usr/lib/modules/{release}"
    shutil.copytree(tree / lib / "updates", entry / "modules/updates")
    for path in (tree / lib).glob("modules.*"):
        before = image / "layer" / lib / path.name
        if not before.exists() or path.read_bytes() != before.read_bytes():
            shutil.copyfile(path, entry / "modules" / path.name)
    shutil.rmtree(tree)


def _in_tree(
    kernel: Kernel,
    files: dict[str, Path],
    top: Path,
    image: Path,
    release: str,
    entry: Path,
) -> None:
    """Compile and install in the guest's tree."""
    for name, path in files.items():
        target = entry / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    name, version = package(files["dkms.conf"].read_text())
    recipe = _BEGIN + (_MAKE if kernel.fragments else _DKMS) + _END
    script = recipe.format(
        name=name,
        version=version,
        release=release,
        machine=kernel.arch.machine,
        jobs=os.cpu_count() or 1,
        source=SOURCE,
        tested=" ".join(TESTED),
        provoker=PROVOKER,
        counted="GCOV_PROFILE=y" if kernel.counted else "",
    )
    log = entry / "make.log"
    ccache = image / "ccache"
    ccache.mkdir(exist_ok=True)
    try:
        binds = {"out": entry, "ccache": ccache}
        what = "the modules' build" if kernel.fragments else "dkms"
        chroot.run(what, top / "mnt", image, script, binds)
    except RunnerError as error:
        text = log.read_text(errors="replace") if log.exists() else ""
        raise RunnerError(f"{error}\n{text}".rstrip()) from None


def _build(
    kernel: Kernel,
    files: dict[str, Path],
    top: Path,
    image: Path,
    release: str,
    entry: Path,
) -> None:
    if kernel.built:
        owner, built = str(kernel.built.directory), image / "workshops"
        with cache.workshop(built, owner, sorted(files)) as work:
            hostbuild.update(work, files)  # make decides what is out of date
            _on_host(kernel.built, work.resolve(), image, release, entry)
    else:
        _in_tree(kernel, files, top, image, release, entry)
    log = entry / "make.log"
    text = log.read_text(errors="replace") if log.exists() else ""
    (entry / "warnings").write_text(_warnings(text))


def prepare(kernel: Kernel, source: Path, top: Path, image: Path, release: str) -> Path:
    """An entry whose ``modules`` becomes the guest's /usr/lib/modules/RELEASE.

    ``top`` is the cache directory, ``image`` the kernel's entry in it. The caller holds
    the kernel's lock. RunnerError has dkms's output and its make.log.
    """
    parts = [*PARTS, *TESTED, *([PROVOKER] if kernel.fragments else [])]
    files = sources(source, parts)
    store = cache.Store(image / "modules", keep=KEEP)
    name = key(files)
    entry = store.get(name)
    if not entry:
        packaged = not kernel.fragments and not kernel.built
        with phase(kernel.name, "modules by dkms" if packaged else "modules"):
            entry = store.make(
                name, lambda path: _build(kernel, files, top, image, release, path)
            )
    warnings = (entry / "warnings").read_text()
    if warnings:
        say(f"[{kernel.name}] compiler warnings:\n{warnings}")
    return entry
