# SPDX-License-Identifier: GPL-2.0-only
"""What the fuzzer's guests are told to run, and what they print of it (tests/random/run.py)."""
from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from tests.random.shorten import Program

from ..machine import session

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


def shell_script(*words: str) -> str:
    """One command at the top of the tree."""
    return f"cd {session.HOME} && {shlex.join(words)}\n"


def soak_script(plan: Plan) -> str:
    """The shell script of the first guest."""
    words = ["python3", "-m", "tests.random.run", "soak", *_options(plan)]
    words += ["--seed", str(plan.seed), "--minutes", f"{plan.minutes:g}"]
    words += ["--total", str(plan.total), "--operations", str(plan.operations)]
    return shell_script("exec", *words)


def program_script(program: Program, plan: Plan) -> str:
    """The shell script of a guest that runs one program."""
    text = "\n".join(program)
    words = (
        "python3",
        "-m",
        "tests.random.run",
        "run",
        "/tmp/program",
        *_options(plan),
    )
    return f"cat >/tmp/program <<'EOF'\n{text}\nEOF\n" + shell_script(*words)


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
