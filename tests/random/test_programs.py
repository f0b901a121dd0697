# SPDX-License-Identifier: GPL-2.0-only
"""Random programs over both devices: fuzz.c. A failure comes as a short program.

Those of one lane know exactly what has to come of each line. Those of two processes of four
threads, which fork and are killed, judge what is left certain when others go on meanwhile.
test_finds.py shows both finding what is wrong.
"""
from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Iterator

import pytest

from tests.gates.counts import MODULES
from tests.lib import modules
from tests.random import run as fuzz

#: Seed and shape of each program, and its length.
ALONE = [(seed, fuzz.ALONE, 2000) for seed in range(1, 11)]
BESIDE = [(seed, fuzz.BESIDE, 6000) for seed in range(1, 4)]

SW_SYNC = Path("/sys/kernel/debug/sync/sw_sync")
TIMELINE = {"timeline", "timeline_fence", "timeline_step"}

#: The sum of what the programs of this session did, by operation, and how many they were.
succeeded: Counter[str] = Counter()
programs: set[tuple[int, tuple[str, ...], int]] = set()


@pytest.fixture(scope="module", autouse=True)
def function() -> Iterator[None]:
    with fuzz.with_function():
        yield


def run(seed: int, shape: tuple[str, ...], operations: int) -> None:
    outcome = fuzz.check(seed, operations, shape)
    assert not outcome.wrong, outcome.output
    succeeded.update(outcome.succeeded)
    programs.add((seed, shape, operations))


@pytest.mark.parametrize("seed, shape, operations", ALONE)
def test_alone_warns_vmap_warns_overlap(
    seed: int, shape: tuple[str, ...], operations: int
) -> None:
    run(seed, shape, operations)


@pytest.mark.parametrize("seed, shape, operations", BESIDE)
def test_beside_each_other_warns_vmap_warns_overlap(
    seed: int, shape: tuple[str, ...], operations: int
) -> None:
    run(seed, shape, operations)
    for name in MODULES:
        modules.unload(name)
    for name in MODULES:
        modules.load(name)


def test_every_operation_has_succeeded_warns_vmap_warns_overlap() -> None:
    """A fuzzer whose calls are all refused tests nothing behind the checks of arguments."""
    for program in ALONE + BESIDE:
        if program not in programs:
            run(*program)
    never = {name for name, times in succeeded.items() if not times}
    assert never <= (set() if SW_SYNC.exists() else TIMELINE)


@pytest.mark.parametrize("shape", [fuzz.ALONE, fuzz.BESIDE])
def test_the_seed_decides_what_is_done(shape: tuple[str, ...]) -> None:
    first, again, other = (fuzz.text_of(seed, 500, shape) for seed in (7, 7, 8))
    assert first == again != other


def test_what_others_write_to_has_no_address_in_it() -> None:
    """The kernel would write to where somebody else has something."""
    text = "\n".join(fuzz.text_of(8, 20000, fuzz.BESIDE))
    shared = set(re.findall(r"^\d.\d (\w+) .*arg=r\d", text, re.MULTILINE))
    assert {"move", "query", "submit", "sync"} <= shared
    makes = {"alloc", "attach", "export", "fence_export", "fence_merge"}
    assert not shared & (makes | {"list", "blockers", "free", "fence_info"})


def test_a_bad_program_is_refused() -> None:
    for text, reason in [
        ("fly", "line 1: no such operation"),
        ("close out=r32", "line 1: not a value"),
        ("close r1", "line 1: NAME=VALUE expected"),
        ("# no harm\n\nclose in=r1", "line 3: no such parameter"),
        ("9.1 close out=r1", "line 1: no such thread"),
        ("1.1", "line 1: no such operation"),
    ]:
        outcome = fuzz.judge_text((text,))
        assert outcome.wrong.startswith("it ended with status 2")
        assert reason in outcome.output
