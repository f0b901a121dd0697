# SPDX-License-Identifier: GPL-2.0-only
"""The long run of the fuzzer: a guest goes through seeds until one of them fails.

A failure that leaves the kernel in order is shortened in that guest (tests/dbr/fuzz.py). After
a kernel report, or if the guest was lost, every candidate has a fresh guest.
"""
from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from . import session, vm
from .kernels import Kernel
from .output import GuestStream, result, say
from .settings import REPOSITORY, Settings

sys.path.append(str(REPOSITORY))

from tests.dbr.ddmin import Program, minimise  # noqa: E402  (needs the path set above)

#: Seconds for a guest beside the fuzzing: boot, the last program, kmemleak, shortening.
BESIDE = 600.0

LOST = "the guest was lost"


@dataclass(frozen=True)
class Plan:
    """What to run: seeds from ``seed`` on until ``minutes`` or ``total`` operations are over.

    ``operations`` is the length of a program, ``candidates`` the most guests that shortening
    may take, ``options`` go to the executor.
    """

    seed: int = 1
    minutes: float = 10.0
    total: int = 0
    operations: int = 2000
    candidates: int = 60
    options: tuple[str, ...] = ()


def _options(plan: Plan) -> list[str]:
    return [f"--option={option}" for option in plan.options]


def _script(*words: str) -> str:
    return f"cd {session.HOME} && {shlex.join(words)}\n"


def soak_script(plan: Plan) -> str:
    """The shell script of the first guest."""
    words = ["python3", "-m", "tests.dbr.fuzz", "soak", *_options(plan)]
    words += ["--seed", str(plan.seed), "--minutes", f"{plan.minutes:g}"]
    words += ["--total", str(plan.total), "--operations", str(plan.operations)]
    return _script("exec", *words)


def program_script(program: Program, plan: Plan) -> str:
    """The shell script of a guest that runs one program."""
    text = "\n".join(program)
    words = ("python3", "-m", "tests.dbr.fuzz", "run", "/tmp/program", *_options(plan))
    return f"cat >/tmp/program <<'EOF'\n{text}\nEOF\n" + _script(*words)


def last_seed(output: str) -> int:
    """Of those that a guest began; -1 for none."""
    seeds = re.findall(r"^seed (\d+)\r?$", output, re.MULTILINE)
    return int(seeds[-1]) if seeds else -1


def signature(output: str, lost: str) -> str:
    """How the program of a guest failed; empty if it did not."""
    if lost:
        return LOST
    found = re.search(r"^signature: ([^\r\n]*)", output, re.MULTILINE)
    return found[1] if found else ""


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
        words = ["fuzz", "--seed", str(seed), "--print"]
        words += ["--operations", str(self.plan.operations)]
        _, output = self.boot(_script(*words), quiet=True)
        return tuple(output.split("\n")[:-1])

    def fails(self, program: Program) -> str:
        """How it fails in a guest of its own."""
        outcome, output = self.boot(program_script(program, self.plan), quiet=True)
        found = signature(output, outcome.lost)
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
    outcome, output = bench.boot(soak_script(plan))
    session.save(results, outcome)
    if not outcome.lost and outcome.status == 0:
        return 0
    if outcome.lost:
        session.report_loss(kernel.name, outcome, settings.verbose)
    short, long = results / "short.fuzz", results / "long.fuzz"
    seed = last_seed(output)
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
