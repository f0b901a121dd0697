# SPDX-License-Identifier: GPL-2.0-only
"""No cost has grown: the bench in a guest that counts instructions, beside costs.json.

Where a cost has to grow, `python3 scripts/guest costs` keeps the new figures.
"""
from __future__ import annotations

from pathlib import Path

import pytest

from guest import kernels
from guest.bench import costs, figures
from guest.bench.figures import Run
from guest.settings import Settings

from ..sample import REPOSITORY

pytestmark = pytest.mark.whole

Runs = dict[str, Run]

RENEW = """\
so that these figures cannot be compared with those that are kept. Keep new ones with\
 `python3 scripts/guest costs`, on a tree whose costs have not grown:"""


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


def test_every_figure_is_compared(measured: Runs, kept: Run) -> None:
    assert not list(figures.unmatched(kept, measured["now"]))


def test_no_cost_has_grown(measured: Runs, kept: Run) -> None:
    now = measured["now"]
    lines = list(figures.grown(kept, now))
    others = list(figures.differences(kept, now))
    if lines and others:
        # Whose growth it is cannot be told; where nothing has grown it does not matter.
        pytest.skip("\n".join([*others, RENEW, *lines]))
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    "figure, parameter, least",
    [
        ("tell", "attachments", 32),
        ("unmap by hand", "attachments", 32),
        ("zap", "pages", 16),
        ("munmap", "pages", 8),
    ],
)
def test_more_costs_more(
    measured: Runs, figure: str, parameter: str, least: int
) -> None:
    """By how much, from the fewest to the most."""
    times = measured["now"].over(parameter).at("revoke", figure, "ours")
    assert times[max(times)] > least * times[min(times)]


def test_control_deliberate_slowness_is_noticed(measured: Runs) -> None:
    lines = list(figures.grown(measured["now"], measured["slowed"]))
    for figure in ("attach + map + unmap + detach", "tell"):
        mine = [line for line in lines if f" {figure} of ours at " in line]
        assert mine, lines
    assert not [line for line in lines if " give back of ours " in line]
