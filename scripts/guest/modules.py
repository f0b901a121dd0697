# SPDX-License-Identifier: GPL-2.0-only
"""The package's modules, made by DKMS inside the guest's tree as a user's would be."""
from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from . import cache, chroot
from .errors import RunnerError
from .output import phase, say

PARTS = "dkms.conf Kbuild Makefile LICENSE include exporter importer".split()
_SOURCE = re.compile(r"(.*\.[chS]|Kbuild|Makefile|LICENSE|dkms\.conf)$")
KEEP = 4

# What depmod has changed is collected too, so that modprobe in the guest finds the modules.
_SCRIPT = """
name={name} version={version} release={release}
cp -r /out/source /usr/src/$name-$version
# Of an edit, only what it touches is compiled anew.
export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=/ccache CCACHE_MAXSIZE=300M
export CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime
log() {{ find /var/lib/dkms -name make.log -exec cp {{}} /out/make.log ';'; }}
trap log EXIT
mkdir /tmp/before
cp /usr/lib/modules/$release/modules.* /tmp/before/
dkms add $name/$version
dkms build $name/$version -k $release -j {jobs}
dkms install $name/$version -k $release
cd /usr/lib/modules/$release
mkdir /out/modules
cp -r updates /out/modules/
for file in modules.*; do
    cmp -s $file /tmp/before/$file || cp $file /out/modules/
done
"""


def sources(top: Path) -> dict[str, Path]:
    """What goes into the package: name below ``top`` to path. RunnerError if incomplete."""
    found: dict[str, Path] = {}
    for part in PARTS:
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


def _build(
    files: dict[str, Path], top: Path, image: Path, release: str, entry: Path
) -> None:
    for name, path in files.items():
        target = entry / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    name, version = package(files["dkms.conf"].read_text())
    script = _SCRIPT.format(
        name=name, version=version, release=release, jobs=os.cpu_count() or 1
    )
    log = entry / "make.log"
    ccache = image / "ccache"
    ccache.mkdir(exist_ok=True)
    try:
        binds = {"out": entry, "ccache": ccache}
        chroot.run("dkms", top / "mnt", image, script, binds)
    except RunnerError as error:
        text = log.read_text(errors="replace") if log.exists() else ""
        raise RunnerError(f"{error}\n{text}".rstrip()) from None
    text = log.read_text(errors="replace") if log.exists() else ""
    (entry / "warnings").write_text(_warnings(text))


def prepare(kernel: str, source: Path, top: Path, image: Path, release: str) -> Path:
    """The directory that becomes the guest's /usr/lib/modules/RELEASE.

    ``top`` is the cache directory, ``image`` the kernel's entry in it. The caller holds
    the kernel's lock. RunnerError has dkms's output and its make.log.
    """
    files = sources(source)
    store = cache.Store(image / "modules", keep=KEEP)
    key = cache.hash_files(files)
    entry = store.get(key)
    if not entry:
        with phase(kernel, "modules by dkms"):
            entry = store.make(
                key, lambda path: _build(files, top, image, release, path)
            )
    warnings = (entry / "warnings").read_text()
    if warnings:
        say(f"[{kernel}] compiler warnings:\n{warnings}")
    return entry / "modules"
