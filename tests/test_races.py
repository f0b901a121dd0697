# SPDX-License-Identifier: GPL-2.0-only
"""Everything at once, from a seed, and all of it given back: tests/races.c.

Two processes of four threads attach, map, submit, fault, move, suspend, revoke, fork, close and
are killed. A failure names the seed, the thread and the step; `races --seed N` does the same
again, as far as the operations go: how they meet is the scheduler's affair.
"""
from __future__ import annotations

import re
import subprocess

import pytest

from tests.gates.counts import MODULES
from tests.lib import modules
from tests.lib.cases import program_directory

VIOLATION, HANG = 1, 2

NO_UNMAP_WAIT = 1 << 2
NO_ZAP = 1 << 5
LATE_MAP = 1 << 6
SLOW_MAP = 1 << 8
MOVE_NO_COPY = 1 << 11


# One seed may miss what a fault does, since threads meet as they like: one run in thirty did so.
SEEDS = 8


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program_directory() / "races", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def races(*arguments: object, status: int = 0) -> str:
    """What the program prints."""
    done = run(*arguments)
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def sequence(output: str) -> str:
    """The hash over the operations."""
    found = re.search(r"sequence ([0-9a-f]{16})", output)
    assert found, output
    return found.group(1)


def reload_modules() -> None:
    for name in MODULES:
        modules.unload(name)
    for name in MODULES:
        modules.load(name)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_at_once_warns_vmap(seed: int) -> None:
    output = races("--seed", seed)
    assert sequence(output) == sequence(races("--seed", seed, "--plan"))
    reload_modules()


def test_the_seed_decides_what_is_done_warns_vmap() -> None:
    first, again, other = (
        sequence(races("--operations", 300, "--seed", seed)) for seed in (7, 7, 8)
    )
    assert first == again != other


@pytest.mark.parametrize(
    "faults, message",
    [
        pytest.param(
            LATE_MAP | NO_UNMAP_WAIT,
            "(MAP|SUBMIT|VMAP|ATTACH|mmap) (of|to) [0-9]+, which is revoked",
            id="late-map",
        ),
        pytest.param(
            NO_ZAP,
            # Which check sees it first is up to the interleaving.
            "(CPU|the kernel) (reads from|writes to) [0-9]+, which is revoked"
            "|(DMA|vmap|word [0-9]+) of buffer [0-9]+ (gives|is)",
            id="no-zap",
        ),
        pytest.param(
            MOVE_NO_COPY,
            "(DMA|vmap|word [0-9]+) of buffer [0-9]+ (gives|is)",
            id="move-no-copy",
        ),
    ],
)
def test_control_of_the_checks_warns_vmap(faults: int, message: str) -> None:
    for seed in range(1, SEEDS + 1):
        done = run("--faults", faults, "--operations", 3000, "--seed", seed)
        if done.returncode:
            break
    assert done.returncode == VIOLATION, done.stdout + done.stderr
    assert re.search(
        rf"^violation: seed {seed}, .*: (?:{message})", done.stdout, re.MULTILINE
    ), done.stdout


def test_control_of_the_watchdog_warns_vmap() -> None:
    output = races("--faults", SLOW_MAP, "--bound", 60, status=HANG)
    assert re.search(r"^hang: seed 1, .* step \d+ \(", output, re.MULTILINE), output
    assert "left behind" not in output
