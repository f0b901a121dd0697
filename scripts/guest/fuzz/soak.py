# SPDX-License-Identifier: GPL-2.0-only
"""The long run of the fuzzer: a guest goes through seeds until one of them fails.

A failure that leaves the kernel in order is shortened in that guest (tests/random/run.py). After
a kernel report, or if the guest was lost, every candidate has a fresh guest.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.random.shorten import Program, minimise

from ..kernels import Kernel
from ..machine import session, vm
from ..output import progress
from ..output.console import GuestStream, result, say
from ..settings import Settings
from . import jobs
from .jobs import Plan

#: Seconds for a guest beside the fuzzing: boot, the last program, kmemleak, shortening.
BESIDE = 600.0


class Bench:
    """Boots guests and keeps what they print."""

    def __init__(self, kernel: Kernel, settings: Settings, plan: Plan) -> None:
        self.kernel = kernel
        self.plan = plan
        limit = 60 * plan.minutes + BESIDE * kernel.patience
        limits = {**settings.limits, "total": settings.limits.get("total", limit)}
        self.settings = replace(settings, limits=limits)

    def boot(self, script: str, quiet: bool = False) -> tuple[vm.Outcome, str]:
        """The outcome of a guest that runs this, and what it printed."""
        stream, parts = GuestStream(), list[bytes]()

        def output(data: bytes) -> None:
            parts.append(data)
            if not quiet:
                stream.feed(data)

        outcome = session.run(self.kernel, self.settings, session.Job(script), output)
        return outcome, b"".join(parts).decode(errors="replace")

    def text_of(self, seed: int) -> Program:
        """The program of a seed."""
        words = [f"{session.HOME}/bin/random/fuzz", "--seed", str(seed), "--print"]
        words += ["--operations", str(self.plan.operations)]
        _, output = self.boot(jobs.shell_script(*words), quiet=True)
        return tuple(output.split("\n")[:-1])

    def fails(self, program: Program) -> str:
        """How it fails in a guest of its own."""
        outcome, output = self.boot(jobs.program_script(program, self.plan), quiet=True)
        found = jobs.signature(output, outcome.lost)
        say(f"[{self.kernel.name}] {len(program)} lines: {found or 'all is well'}")
        return found

    def shorten(self, program: Program) -> Program:
        """With a fresh guest for each candidate; as it was if it does not fail again."""
        wanted = self.fails(program)
        if not wanted:
            say("the program alone does not fail: it takes what ran before, or luck")
            return program

        def fails(candidate: Program) -> bool:
            return candidate == program or self.fails(candidate) == wanted

        return minimise(program, fails, self.plan.candidates)


def fuzz(kernel: Kernel, settings: Settings, plan: Plan, results: Path) -> int:
    """Fuzz; 0 if nothing was found, else 1: ``results`` has the program and the logs."""
    results.mkdir(parents=True, exist_ok=True)
    for old in ("short.fuzz", "long.fuzz", "reason"):
        (results / old).unlink(missing_ok=True)
    bench = Bench(kernel, settings, plan)
    script = jobs.soak_script(plan)
    with progress.running(kernel.name, "fuzzing", script):
        outcome, output = bench.boot(script)
    session.save(results, outcome)
    if not outcome.lost and outcome.status == 0:
        return 0
    if outcome.lost:
        session.report_loss(kernel.name, outcome, settings.verbose)
    short, long = results / "short.fuzz", results / "long.fuzz"
    seed = jobs.last_seed(output)
    if not short.exists() and seed >= 0:
        if not long.exists():
            program = bench.text_of(seed)
            long.write_text("\n".join(program) + "\n", encoding="ascii")
        program = tuple(long.read_text(encoding="ascii").splitlines())
        text = "\n".join(bench.shorten(program))
        short.write_text(f"{text}\n", encoding="ascii")
    if short.exists():
        result(f"seed {seed}, {short}:\n{short.read_text(encoding='ascii')}".rstrip())
    result(f"a failure: {results} has the program and the kernel's log")
    return 1
