# SPDX-License-Identifier: GPL-2.0-only
"""No cost has grown: the bench in a guest that counts instructions, beside tests/costs.json.

Where a cost has to grow, `python3 scripts/guest costs` keeps the new figures; so it does for a
kernel or a compiler that does things in another way.
"""
from __future__ import annotations

from pathlib import Path

import pytest

from guest import costs, figures, kernels
from guest.figures import Run
from guest.settings import Settings

from .sample import REPOSITORY

Runs = dict[str, Run]


@pytest.fixture(scope="module")
def measured(kernel: kernels.Kernel, entry: Path) -> Runs:
    texts = costs.measure(kernel, Settings())
    return {name: costs.ours(text) for name, text in texts.items()}


@pytest.fixture(scope="module")
def kept() -> Run:
    return costs.ours(costs.kept_at(REPOSITORY).read_bytes())


def test_both_are_counts_of_instructions(measured: Runs, kept: Run) -> None:
    assert kept.counted and all(run.counted for run in measured.values())
    assert not kept.machine["faults"]
    groups = {name.group for name in kept.figures}
    assert groups == {"alloc", "attach", "mmap", "revoke", "dma", "many"}


def test_no_cost_has_grown(measured: Runs, kept: Run) -> None:
    now = measured["now"]
    lines = list(figures.grown(kept, now))
    kernel = f"kept with Linux {kept.machine['kernel']}, now {now.machine['kernel']}"
    assert not lines, "\n".join([kernel, *lines])


def test_control_deliberate_slowness_is_noticed(measured: Runs, kept: Run) -> None:
    same = {name: ns for name, ns in kept.figures.items() if name.group in costs.SLOWED}
    lines = list(figures.grown(Run(kept.machine, same), measured["slowed"]))
    for figure in ("attach + map + unmap + detach", "tell"):
        mine = [line for line in lines if f" {figure} of ours at " in line]
        assert mine and all(" ns have become " in line for line in mine), lines
    assert not [line for line in lines if " give back of ours " in line]
