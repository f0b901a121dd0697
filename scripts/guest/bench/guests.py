# SPDX-License-Identifier: GPL-2.0-only
"""`dmabuf-revoke bench` in guests: in time, and in instructions, which repeat."""
from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import RunnerError
from ..kernels import Kernel
from ..machine import session
from ..output import progress
from ..output.console import GuestStream, result, say
from ..settings import Settings
from . import figures, goals, plot

#: 1 GiB of each of four exporters at once, and as much again that stays free.
MEMORY = "9G"
#: The bench says nothing while it measures; a guest that counts instructions takes its time to
#: come up.
LIMITS = {"boot": 600.0, "silence": 7200.0, "total": 7200.0}
_SCRIPT = """
modprobe -a dmabuf_revoke_exporter dmabuf_revoke_importer || exit
modprobe vgem
echo 1024 >/sys/module/udmabuf/parameters/size_limit_mb
{commands}
"""


@dataclass(frozen=True)
class Plan:
    """What to measure: the bench's arguments, and whether in instructions as well."""

    arguments: tuple[str, ...] = ()
    ways: tuple[str, ...] = ("time", "instructions")


def job(runs: dict[str, tuple[str, ...]]) -> session.Job:
    """Runs of the bench in one guest, by the name of what they print: NAME.json."""
    commands = [
        f'dmabuf-revoke bench --json {shlex.join(words)} >"$DBR_RESULTS/{name}.json" || exit'
        for name, words in runs.items()
    ]
    return session.Job(_SCRIPT.format(commands="\n".join(commands)))


def measure(
    kernel: Kernel,
    settings: Settings,
    runs: dict[str, tuple[str, ...]],
    icount: bool,
    memory: str = MEMORY,
) -> dict[str, bytes]:
    """What they print. RunnerError if the guest is lost or one of them fails."""
    limits = {**LIMITS, **settings.limits}
    memory = settings.machine.memory or memory
    machine = replace(settings.machine, icount=icount, memory=memory)
    chosen = replace(settings, machine=machine, limits=limits)
    with progress.running(kernel.name, "bench", f"{runs} {icount}"):
        outcome = session.run(kernel, chosen, job(runs), GuestStream().feed)
        if outcome.lost:
            session.report_loss(kernel.name, outcome, settings.verbose)
            raise RunnerError(f"the guest was lost: {outcome.lost}")
        if outcome.status:
            raise RunnerError(f"bench ended with status {outcome.status}")
    return {name: outcome.files[f"{name}.json"] for name in runs}


def show(text: bytes, directory: Path) -> int:
    """Judge and draw what bench --json printed, into ``directory``."""
    run = figures.read(text)
    directory.mkdir(parents=True, exist_ok=True)
    table = goals.table(run)
    (directory / "goals.md").write_text(table)
    names = [path.name for path in plot.draw(run, directory)]
    result(f"Linux {run.machine['kernel']}, {run.machine['time']}:\n\n{table}")
    say(f"{directory}: {', '.join(['goals.md', *names])}")
    return 0


def show_file(path: Path, directory: Path) -> int:
    """The same for what was measured elsewhere. RunnerError if it cannot be read."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RunnerError(f"{path}: {error.strerror}") from error
    return show(text, directory)


def bench(kernel: Kernel, settings: Settings, plan: Plan, results: Path) -> int:
    """Measure each way, keep the figures, draw them, print what goals they meet."""
    for way in plan.ways:
        directory = results / way
        directory.mkdir(parents=True, exist_ok=True)
        icount = way == "instructions"
        text = measure(kernel, settings, {"bench": plan.arguments}, icount)["bench"]
        (directory / "bench.json").write_bytes(text)
        show(text, directory)
    return 0
