# SPDX-License-Identifier: GPL-2.0-only
"""The judge in a guest: somebody's kernel, module and program."""
from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ..errors import RunnerError
from ..machine import session

#: Where the guest has what was brought along.
YOURS = f"{session.HOME}/yours"

_BEGIN = "modprobe -a dmabuf_revoke_exporter dmabuf_revoke_importer || exit 77\n"
_LOAD = """
mkdir -p /usr/lib/modules/$(uname -r)/updates/yours
cp {yours}/*.ko /usr/lib/modules/$(uname -r)/updates/yours/
depmod
modprobe -a {names} || {{ dmesg | tail -n 5; exit 1; }}
"""


@dataclass(frozen=True)
class Case:
    """``words`` are the program and its arguments; ``options`` are the verb's."""

    words: tuple[str, ...]
    exporter: bool = False
    modules: tuple[Path, ...] = ()
    options: tuple[str, ...] = ()


def built(path: Path) -> list[Path]:
    """The modules in a directory, or this one. RunnerError if there is none."""
    if path.is_file() and path.suffix == ".ko":
        return [path]
    found = sorted(path.rglob("*.ko")) if path.is_dir() else []
    if not found:
        raise RunnerError(
            f"{path}: no module (*.ko) there: build it for the kernel that it is to run on, "
            f"make -C KERNEL_BUILD M={path.absolute()} modules"
        )
    return found


def job(case: Case) -> session.Job:
    """What loads the modules and runs the judge; its status is the command's."""
    modules = [module for path in case.modules for module in built(path)]
    brought = {f"{YOURS}/{module.name}": module for module in modules}
    if len(brought) < len(modules):
        raise RunnerError("two modules of one name")
    words = list(case.words)
    program = Path(words[0])
    # Else it is one that the guest has.
    if program.is_file():
        brought[f"{YOURS}/{program.name}"] = program
        words[0] = f"./{program.name}"
    script = _BEGIN
    if modules:
        names = shlex.join(module.stem for module in modules)
        script += _LOAD.format(yours=YOURS, names=names)
    verb = "test-exporter" if case.exporter else "test-importer"
    results = " ".join(
        f'--{kind} "$DBR_RESULTS/{name}"'
        for kind, name in (
            ("junit", "junit.xml"),
            ("svg", "timeline.svg"),
            ("perfetto", "timeline.json"),
        )
    )
    script += (
        f"[ ! -d {YOURS} ] || cd {YOURS}\n"
        f"exec dmabuf-revoke {verb} {results} {shlex.join(case.options)} "
        f"-- {shlex.join(words)}\n"
    )
    return session.Job(script, files=brought)
