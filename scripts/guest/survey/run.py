# SPDX-License-Identifier: GPL-2.0-only
"""Judge every driver on some kernels, keep the verdicts, write the page."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..kernels import Kernel
from ..output.console import result
from ..settings import Machine, Settings
from ..suite import check
from ..suite.runs import Choice
from . import page, records

#: The tests that judge. They fail where a verdict is not the one that is kept.
CHOICE = Choice("test_survey", ("--survey",))

#: Seconds without output: a driver that holds up each revoke is one test.
SILENCE = 1800.0

#: virtio-gpu wants memory that can be shared.
MEMORY = "2G"

#: Graphics cards that the kernels have drivers for. With blob=true virtio-gpu imports.
HARDWARE = """
    -device bochs-display -device qxl -device virtio-gpu-pci,blob=true
    -object memory-backend-memfd,id=ram,size={memory},share=on -machine memory-backend=ram
"""

UDMABUF = Path("/dev/udmabuf")


def _keep(source: Path, name: str, results: Path) -> None:
    found = records.collect(results)
    if not found:
        raise RunnerError(f"{name}: no driver was judged; what it said is in {results}")
    path = records.kept_at(source, name)
    for line in records.changes(records.load(path) if path.exists() else [], found):
        result(f"{name}: {line}")
    records.save(path, found)


def _preload(source: Path) -> tuple[str, ...]:
    """What lets QEMU have virtio-gpu with blob=true on this host, which may have no udmabuf."""
    if UDMABUF.exists():
        return ()
    library = source / "build/survey/udmabuf.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    code = str(source / "scripts/guest/survey/udmabuf.c")
    line = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), code]
    process.run("what lets QEMU do without udmabuf", line)
    return ("env", f"LD_PRELOAD={library}")


def machine_of(source: Path, machine: Machine) -> Machine:
    """With all hardware that has a driver to be judged."""
    memory = machine.memory or MEMORY
    words = HARDWARE.format(memory=memory).split()
    return replace(
        machine,
        memory=memory,
        qemu_args=(*words, *machine.qemu_args),
        wrapper=_preload(source),
    )


def survey(chosen: list[Kernel], settings: Settings, results: Path, jobs: int) -> int:
    """0 once all verdicts are kept, whatever they are; what changed is said."""
    silence = {**settings.limits, "silence": SILENCE}
    machine = machine_of(settings.source, settings.machine)
    settings = replace(settings, limits=silence, machine=machine)
    check.check(chosen, settings, CHOICE, results, check.Beside(), jobs)
    for kernel in chosen:
        _keep(settings.source, kernel.name, results / kernel.name)
    target = settings.source / page.PAGE
    target.write_text(page.of(settings.source), "utf-8")
    result(f"{target}: written")
    return 0
