# SPDX-License-Identifier: GPL-2.0-only
"""What a run of the bench should come to, as ratios within that run."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

from .figures import Amount, Run

LARGE = 64 << 10
SIZED = {
    "alloc": "allocate + free",
    "attach": "attach + map + unmap + detach",
    "mmap": "mmap + touch + munmap",
}
RIVALS = ("system heap", "udmabuf")


@dataclass(frozen=True)
class Goal:
    """One ratio that was measured, and what it should be."""

    what: str
    at: str
    limit: float
    ratio: Amount
    least: bool = False  # the limit is a lower one

    @property
    def met(self) -> bool:
        ratio = self.ratio.value
        return ratio >= self.limit if self.least else ratio <= self.limit

    @property
    def verdict(self) -> str:
        if self.met:
            return "met"
        within = abs(self.ratio.value - self.limit) <= self.ratio.spread
        return "missed, within the spread" if within else "**missed**"


def size(length: int) -> str:
    """A length as people write it."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if length >= unit:
            return f"{length // unit} {name}"
    return f"{length} B"


def _by_size(run: Run) -> Iterator[Goal]:
    for group, figure in SIZED.items():
        rivals = [run.amounts(group, figure, name) for name in RIVALS]
        for length, ours in sorted(run.amounts(group, figure, "ours").items()):
            theirs = [times[length] for times in rivals if length in times]
            if theirs:
                what = f"{figure}: ours to the cheaper of system heap and udmabuf"
                limit = 1.0 if length >= LARGE else 1.1
                yield Goal(what, size(length), limit, ours / min(theirs))


def _by_attachments(run: Run) -> Iterator[Goal]:
    """Per attachment, that is beyond what a revoke of one costs."""
    run = run.over("attachments")
    revoke = run.amounts("revoke", "revoke", "ours")
    unmap = run.amounts("revoke", "unmap by hand", "ours")
    for count in sorted(revoke.keys() & unmap.keys() - {1}):
        ratio = (revoke[count] - revoke[1]) / (unmap[count] - unmap[1])
        yield Goal("revoke to unmap by hand, per attachment", str(count), 1.1, ratio)
    counts = [count for count in sorted(revoke) if count > 1]
    if len(counts) > 1:
        each = {n: (revoke[n] - revoke[1]) / Amount(n - 1, 0) for n in counts}
        middle = counts[(len(counts) - 1) // 2]
        at = f"{counts[-1]} to {middle}"
        what = "revoke is linear: cost per attachment"
        yield Goal(what, at, 1.1, each[counts[-1]] / each[middle])


def _others(run: Run) -> Iterator[Goal]:
    pages = run.over("pages")
    zap, munmap = (pages.amounts("revoke", f, "ours") for f in ("zap", "munmap"))
    for count in sorted(zap.keys() & munmap.keys()):
        yield Goal("zap to munmap", f"{count} pages", 1.1, zap[count] / munmap[count])
    after = run.amounts("dma", "from last fence to return", "ours")
    idle = run.amounts("dma", "idle revoke", "ours")
    for count in sorted(after.keys() & idle.keys()):
        what = "from the last fence to the return, to an idle revoke"
        yield Goal(what, f"{count} fences", 0.05, after[count] / idle[count])
    for name in sorted({n.figure for n in run.figures if n.group == "cpus"}):
        turns = run.amounts("cpus", name, "ours")
        yield Goal(
            f"two CPUs to one: {name}", "64 KiB", 1.6, turns[1] / turns[2], least=True
        )
    for thing in ("buffer", "attachment"):
        times = run.over(f"{thing}s").amounts("many", f"next {thing}", "ours")
        for count in sorted(times.keys() - {0}):
            what = f"the next {thing} to the first"
            yield Goal(what, f"{count}", 1.2, times[count] / times[0])


def goals(run: Run) -> list[Goal]:
    """All that this run has the figures for."""
    return [*_by_size(run), *_by_attachments(run), *_others(run)]


def table(run: Run) -> str:
    """The goals as a table of Markdown."""
    lines = ["| ratio | at | goal | measured | |", "|---|---|---|---|---|"]
    for goal in goals(run):
        sign = "≥" if goal.least else "≤"
        measured = f"{goal.ratio.value:.2f}"
        if goal.ratio.spread:
            measured += f" ± {goal.ratio.spread:.2f}"
        cells = [goal.what, goal.at, f"{sign} {goal.limit:g}", measured, goal.verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
