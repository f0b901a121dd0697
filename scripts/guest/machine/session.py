# SPDX-License-Identifier: GPL-2.0-only
"""From a source tree to a guest that has run a command."""
from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Callable, Mapping

from .. import process
from ..errors import RunnerError
from ..image import base, bytecode, modules, programs
from ..kernels import Kernel
from ..kernels.arch import host
from ..output.console import say
from ..settings import Limits, Machine, Settings, cache_directory
from ..tree import cache, chroot
from ..tree.cpio import Archive
from . import accel, trace, vm

#: What the guest runs before it has anything of ours.
GUEST_SIDE = Path(__file__).with_name("guest-side")
EVERY_LINE = 1 << 30
HOME = "/opt/dmabuf-revoke"
# Configuration that pytest looks for beside the tests.
_PYTEST_FILES = "pyproject.toml pytest.ini setup.cfg tox.ini conftest.py".split()
_SKIP = frozenset({"__pycache__", "host", ".pytest_cache", ".mypy_cache"})


def release_of(entry: Path) -> str:
    """The release of the kernel in the image ``entry``."""
    release: str = json.loads((entry / "meta.json").read_text())["release"]
    return release


def _build(
    kernel: Kernel, settings: Settings, top: Path, entry: Path, tests: bool
) -> bytes:
    """Modules, programs and tests as a cpio; with ``tests`` these are compiled, too.

    RunnerError if one cannot be made.
    """
    source = settings.source
    release = release_of(entry)
    made = modules.prepare(kernel, source, top, entry, release) / "modules"
    built = programs.prepare(kernel, source, top, entry)
    result = Archive()
    result.tree(f"/usr/lib/modules/{release}", made)
    for name, program in built.items():
        result.file(f"{HOME}/bin/{name}", program)
    for part in ("tests", "tools", "docs"):
        if (source / part).is_dir():
            result.tree(f"{HOME}/{part}", source / part, _SKIP)
    if tests:
        compiled = bytecode.prepare(kernel, source, top, entry, HOME)
        for name, content in compiled.items():
            result.data(f"{HOME}/{name}", content)
    for name in _PYTEST_FILES:
        if (source / name).is_file():
            result.file(f"{HOME}/{name}", source / name)
    return result.content()


def build(kernel: Kernel, settings: Settings) -> None:
    """Bring image, modules and programs up to date. RunnerError if one cannot be made."""
    top = cache_directory()
    with cache.locked(top, kernel.home):
        _build(kernel, settings, top, base.prepare(top, kernel), tests=True)


def command(kernel: Kernel, settings: Settings, words: list[str]) -> str:
    """Run a command in the kernel's tree, the source at /src; its output.

    What it changes is thrown away. RunnerError if it fails.
    """
    top = cache_directory()
    with cache.locked(top, kernel.home):
        entry = base.prepare(top, kernel)
    binds = {"src": settings.source}
    return chroot.run(
        words[0], top / "mnt", entry, shlex.join(words), binds, EVERY_LINE
    )


def initrd(
    entry: Path,
    job: str,
    environment: dict[str, str],
    files: Mapping[str, Path] = MappingProxyType({}),
) -> bytes:
    """The initramfs of one boot; ``job`` is a shell script, ``files`` what it finds where."""
    last = Archive()
    for path in sorted(GUEST_SIDE.iterdir()):
        if path.is_file():
            name = (
                "/init" if path.name == "init" else f"/inject{HOME}/guest/{path.name}"
            )
            last.data(name, path.read_bytes(), 0o755)
    lines = [
        f"export {name}={shlex.quote(environment[name])}\n" for name in environment
    ]
    last.data(f"/inject{HOME}/guest/env", "".join(lines).encode())
    last.data(f"/inject{HOME}/guest/job", job.encode())
    for name, path in files.items():
        last.file(f"/inject{name}", path)
    return (entry / "initrd").read_bytes() + last.content()


def _boots_under_kvm(entry: Path, machine: Machine, limit: float) -> bool:
    limits = Limits(boot=limit, silence=limit, total=limit)
    guest = vm.Guest(entry, initrd(entry, "true", {}), "kvm", machine)
    outcome = guest.wait(Archive().content(), limits, lambda data: None, trace=False)
    return not outcome.lost


def _choose_accel(kernel: Kernel, entry: Path, machine: Machine) -> str:
    """ "kvm" or "tcg", saying which and why."""
    process.require(machine.arch.qemu)
    if machine.arch.foreign:
        say(f"[{kernel.name}] accelerator: tcg (this machine is {host().debian})")
        return "tcg"
    if machine.icount:
        say(f"[{kernel.name}] accelerator: tcg (it counts instructions)")
        return "tcg"
    name, why = accel.choose(
        cache_directory(),
        lambda limit: _boots_under_kvm(entry, machine, limit),
        keep=not kernel.built,
    )
    say(f"[{kernel.name}] accelerator: {name} ({why})")
    return name


@dataclass(frozen=True)
class Job:
    """A shell script for the guest.

    With ``gate`` it is started before everything is built, and has to wait for the end of
    its standard input. With ``shell`` a person has the console instead. It finds ``files`` at
    their absolute paths.
    """

    script: str = ""
    gate: bool = False
    shell: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)


def _environment(kernel: Kernel, job: Job) -> dict[str, str]:
    found = {
        "DBR_KERNEL": kernel.name,
        "DBR_PATIENCE": f"{kernel.patience:g}",
        "DBR_BITS": str(kernel.bits),
        "DBR_CONSOLE": kernel.arch.console,
        "TERM": "dumb",
    }
    if job.gate:
        found["DBR_GATE"] = "1"
    if job.shell:
        try:
            size = os.get_terminal_size()
        except OSError as error:
            raise RunnerError(f"a shell needs a terminal: {error}") from error
        found["DBR_SHELL"] = "1"
        found["DBR_ROWS"] = str(size.lines)
        found["DBR_COLUMNS"] = str(size.columns)
        found["TERM"] = os.environ.get("TERM", "vt100")
    return found


def run(
    kernel: Kernel, settings: Settings, job: Job, output: Callable[[bytes], None]
) -> vm.Outcome:
    """Build what is out of date, run ``job`` in a guest and wait for the guest's end.

    The guest boots while modules and programs are built. RunnerError if that fails.
    A kernel of the table that panics early, or is not up in time, is started once more, one's
    own is not: that it does not boot may be what its maker wants to know.
    """
    top = cache_directory()
    environment = _environment(kernel, job)
    machine = settings.machine_for(kernel)
    with cache.locked(top, kernel.home):
        entry = base.prepare(top, kernel)
        accelerator = _choose_accel(kernel, entry, machine)
        content = initrd(entry, job.script, environment, job.files)
        # A guest that counts instructions does not sleep while it waits.
        built = None
        if machine.icount:
            built = _build(kernel, settings, top, entry, job.gate)

        def start() -> vm.Guest:
            return vm.Guest(entry, content, accelerator, machine, job.shell)

        guest = start()
        try:
            overlay = built or _build(kernel, settings, top, entry, job.gate)
        except BaseException:
            guest.kill()
            raise
    limits = settings.limits_for(kernel)
    if job.shell:
        forever = float("inf")
        limits = Limits(boot=limits.boot, silence=forever, total=forever)
    if kernel.built:
        outcome = guest.wait(overlay, limits, output)
    else:
        outcome = vm.see_through(guest, start, overlay, limits, output)
    if outcome.first:
        report_loss(kernel.name, outcome.first)
        say(f"[{kernel.name}] it was started again")
    if not outcome.lost:
        say(
            f"[{kernel.name}] guest: up in {outcome.boot_seconds:.1f} s, "
            f"ended {outcome.seconds:.1f} s after the build"
        )
    return outcome


def _quote(name: str, text: str) -> None:
    say("\n".join(f"[{name}] | {line}" for line in text.splitlines()))


def report_loss(name: str, outcome: vm.Outcome, verbose: bool = False) -> None:
    """Say why a guest was lost and what its console showed last, or all of it."""
    say(f"[{name}] guest LOST after {outcome.seconds:.1f} s: {outcome.lost}")
    shown = outcome.console if verbose else trace.excerpt(outcome.console)
    _quote(name, shown.replace("\r", ""))


def show_log(name: str, outcome: vm.Outcome) -> None:
    """Show the kernel's log of a guest that has ended by itself."""
    _quote(name, outcome.files.get("dmesg.txt", b"").decode(errors="replace"))


def save(directory: Path, outcome: vm.Outcome) -> None:
    """Write a guest's results; what an earlier run left there is gone."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("junit.xml", "dmesg.txt", "status", "console.log", "lost"):
        (directory / name).unlink(missing_ok=True)
    files = {**outcome.files, "console.log": outcome.console.encode()}
    if outcome.lost:
        files["lost"] = f"{outcome.lost}\n".encode()
    for name, content in files.items():
        target = (directory / name).resolve()
        if directory.resolve() not in target.parents:
            continue  # a guest's tar does not choose places on the host
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
