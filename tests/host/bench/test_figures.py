# SPDX-License-Identifier: GPL-2.0-only
"""What is done with the bench's figures: comparing, judging and drawing them."""
from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guest import cli, kernels, settings
from guest.bench import costs, figures, goals, guests as bench, plot
from guest.machine import session, vm
from guest.errors import RunnerError

from ..sample import REPOSITORY

FIGURES = goals.SIZED


def row(
    group: str, figure: str, contender: str, parameter: str, value: int, ns: int
) -> dict[str, Any]:
    names = dict(
        zip(figures.Name._fields, (group, figure, contender, parameter, value))
    )
    return {**names, "min_ns": ns, "median_ns": 2 * ns, "spread_ns": ns}


def document(rows: list[dict[str, Any]], time: str = "instructions") -> str:
    return json.dumps({"machine": {"time": time, "kernel": "7.3"}, "figures": rows})


def sized(group: str, length: int, ours: int, theirs: int) -> list[dict[str, Any]]:
    times = {"ours": ours, "system heap": theirs, "udmabuf": 10 * theirs}
    return [
        row(group, FIGURES[group], name, "bytes", length, ns)
        for name, ns in times.items()
    ]


def verdicts(rows: list[dict[str, Any]]) -> list[bool]:
    return [goal.met for goal in goals.goals(figures.read(document(rows)))]


def test_where_instructions_are_counted_the_least_counts() -> None:
    rows = [row("alloc", "a", "ours", "bytes", 1, 100)]
    name = figures.Name("alloc", "a", "ours", "bytes", 1)
    assert figures.read(document(rows)).figures == {name: 100}
    assert figures.read(document(rows, "emulated")).figures == {name: 200}
    assert not figures.read(document(rows, "real")).counted


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"machine": {}, "figures": []}'])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(RunnerError, match="not what bench --json prints"):
        figures.read(text)


def grown(before: int, after: int) -> list[str]:
    runs = [
        figures.read(document([row("alloc", "a", "ours", "bytes", 4096, ns)]))
        for ns in (before, after)
    ]
    return list(figures.grown(*runs))


def test_a_cost_may_grow_by_a_tenth() -> None:
    assert not grown(10000, 11000) and not grown(10000, 5000)
    (line,) = grown(10000, 11001)
    assert line == (
        "alloc: a of ours at 4096 bytes: 10000 ns have become 11001 ns (+10%)"
    )


def test_what_is_hardly_anything_may_grow_by_more() -> None:
    assert not grown(100, 100 + figures.SLACK)
    assert grown(100, 101 + figures.SLACK)


def test_a_figure_that_one_run_lacks_is_named() -> None:
    one = figures.read(document([row("alloc", "a", "ours", "bytes", 1, 1)]))
    none = figures.read(document([]))
    name = "alloc: a of ours at 1 bytes"
    assert list(figures.unmatched(one, none)) == [f"{name}: was not measured now"]
    (line,) = figures.unmatched(none, one)
    assert line == f"{name}: is not among the figures that are kept"
    assert not list(figures.grown(one, none)) + list(figures.unmatched(one, one))


def test_another_kernel_or_emulator_is_named() -> None:
    run = figures.read(document([]))
    other = replace(run, machine={**run.machine, "kernel": "7.4", "box": "q36"})
    assert not list(figures.differences(run, run))
    assert list(figures.differences(run, other)) == [
        "kernel was '7.3', is now '7.4'",
        "emulator was None, is now 'q36'",
    ]


@pytest.mark.parametrize("group", FIGURES)
def test_goals_by_size(group: str) -> None:
    assert verdicts(sized(group, 4096, 110, 100)) == [True]
    assert verdicts(sized(group, 4096, 111, 100)) == [False]
    assert verdicts(sized(group, 65536, 100, 100)) == [True]
    assert verdicts(sized(group, 65536, 101, 100)) == [False]
    assert not verdicts(sized(group, 65536, 100, 100)[:1])


def revoked(each: int, last: int) -> list[dict[str, Any]]:
    """A revoke beside 100 ns an attachment by hand; what each costs, and at 4096."""
    counts = {1: each, 64: each, 256: each, 4096: last}
    rows = []
    for count, ns in counts.items():
        total = 5000 + each + (count - 1) * ns
        rows.append(row("revoke", "revoke", "ours", "attachments", count, total))
        rows.append(
            row("revoke", "unmap by hand", "ours", "attachments", count, count * 100)
        )
    return rows


def test_goals_by_attachments() -> None:
    assert verdicts(revoked(100, 100)) == [True] * 4
    assert verdicts(revoked(120, 120)) == [False] * 3 + [True]
    assert verdicts(revoked(50, 56)) == [True] * 3 + [False]


OTHERS: list[tuple[list[tuple[str, str, str, int]], float]] = [
    ([("revoke", "zap", "pages", 16), ("revoke", "munmap", "pages", 16)], 1.1),
    (
        [
            ("dma", "from last fence to return", "fences", 1),
            ("dma", "idle revoke", "fences", 1),
        ],
        0.05,
    ),
    ([("cpus", "a", "cpus", 1), ("cpus", "a", "cpus", 2)], 1.6),
    (
        [
            ("many", "next buffer", "buffers", 9),
            ("many", "next buffer", "buffers", 0),
        ],
        1.2,
    ),
    (
        [
            ("many", "next attachment", "attachments", 9),
            ("many", "next attachment", "attachments", 0),
        ],
        1.2,
    ),
]


@pytest.mark.parametrize("pair, limit", OTHERS)
def test_other_goals(pair: list[tuple[str, str, str, int]], limit: float) -> None:
    def met(ratio: float) -> list[bool]:
        times = (round(1e6 * ratio), 1000000)
        return verdicts(
            [
                row(group, figure, "ours", parameter, value, ns)
                for (group, figure, parameter, value), ns in zip(pair, times)
            ]
        )

    below, above = met(limit * 0.99), met(limit * 1.01)
    assert (below, above) == ([limit != 1.6], [limit == 1.6])


def test_table_says_what_is_missed() -> None:
    table = goals.table(figures.read(document(sized("alloc", 65536, 200, 100))))
    assert table.splitlines()[-1].endswith("| 64 KiB | ≤ 1 | 2.00 | **missed** |")


@pytest.mark.parametrize("ours, spread", [(110, "within the spread"), (200, "**")])
def test_times_have_a_spread(ours: int, spread: str) -> None:
    """Half of each that is compared lies within a quarter of it, so 0.35 of the ratio."""
    run = figures.read(document(sized("alloc", 65536, ours, 100), "emulated"))
    *_, line = goals.table(run).splitlines()
    ratio = ours / 100
    assert f"| {ratio:.2f} ± {ratio * 0.125 ** 0.5:.2f} | " in line
    assert ("within the spread" in line) == (spread != "**")
    assert ("**missed**" in line) == (spread == "**")


@pytest.mark.parametrize("way", bench.Plan().ways)
def test_kept_table_is_that_of_the_kept_figures(way: str) -> None:
    directory = REPOSITORY / "docs" / "performance" / way
    run = figures.read((directory / "bench.json").read_bytes())
    assert run.counted == (way == "instructions")
    assert not run.machine["short"]
    assert (directory / "goals.md").read_text() == goals.table(run)


def test_page_says_how_many_goals_are_met_in_time() -> None:
    docs = REPOSITORY / "docs"
    table = (docs / "performance" / "time" / "goals.md").read_text()
    ends = ("| met |", "within the spread |", "**missed** |")
    counts = [sum(line.endswith(end) for line in table.splitlines()) for end in ends]
    said = re.search(
        r"Of (\d+) ratios (\d+) meet their goal,\s+(\d+) miss it by less than the spread,"
        r" and (\d+) by more",
        (docs / "performance.md").read_text(),
    )
    assert said and [int(number) for number in said.groups()] == [sum(counts), *counts]


def test_page_says_why_each_goal_is_missed() -> None:
    """docs/performance.md repeats the lines, with the number of a reason."""
    docs = REPOSITORY / "docs"
    page = (docs / "performance.md").read_text()
    table = (docs / "performance" / "instructions" / "goals.md").read_text()
    missed = [line for line in table.splitlines() if "**missed**" in line]
    assert page.count("**missed**") == len(missed) > 0
    for line in missed:
        why = re.search(rf"^{re.escape(line)} (\d) \|$", page, re.M)
        assert why, line
        assert f"\n{why[1]}. **" in page


def test_pictures(tmp_path: Path) -> None:
    rows = sized("alloc", 4096, 1, 2) + sized("alloc", 65536, 5, 7)
    drawn = plot.draw(figures.read(document(rows)), tmp_path)
    assert [path.name for path in drawn] == ["alloc.svg"]
    text = drawn[0].read_text()
    assert text.startswith("<?xml") and "system heap" in text and "Linux 7.3" in text


def test_gnuplot_that_fails_is_said(tmp_path: Path) -> None:
    rows = sized("alloc", 4096, 1, 2) + sized("alloc", 65536, 5, 7)
    run = figures.read(document(rows))
    with pytest.raises(RunnerError, match="gnuplot"):
        plot.draw(run, tmp_path / "none")


def test_guest_that_counts_instructions() -> None:
    machine = replace(settings.Machine(), icount=True)
    line = vm.command(Path("image"), "tcg", machine, 3, {}, shell=False)
    words = " ".join(line)
    assert "-accel tcg,thread=single -icount shift=0,sleep=off" in words
    assert "-smp 1 " in words and "tsc_early_khz=1000000" in words
    plain = vm.command(Path("image"), "tcg", settings.Machine(), 3, {}, shell=False)
    assert "-icount" not in plain and "tsc_early_khz=1000000" not in " ".join(plain)


class Guests:
    """Guests that end at once, with what a bench would have left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **outcome: Any) -> None:
        self.jobs: list[str] = []
        self.machines: list[settings.Machine] = []
        self.outcome = vm.Outcome(**outcome)
        monkeypatch.setattr(session, "run", self.run)

    def run(
        self,
        kernel: kernels.Kernel,
        chosen: settings.Settings,
        job: session.Job,
        output: Any,
    ) -> vm.Outcome:
        self.jobs.append(job.script)
        self.machines.append(chosen.machine)
        return self.outcome


def test_both_ways_are_measured_kept_and_drawn(
    monkeypatch: pytest.MonkeyPatch, kernel: kernels.Kernel, tmp_path: Path
) -> None:
    rows = sized("alloc", 4096, 100, 100) + sized("alloc", 65536, 100, 100)
    text = document(rows).encode()
    guests = Guests(monkeypatch, files={"bench.json": text})
    plan = bench.Plan(arguments=("--short", "alloc"))
    assert bench.bench(kernel, settings.Settings(), plan, tmp_path) == 0
    assert [machine.icount for machine in guests.machines] == [False, True]
    assert "dmabuf-revoke bench --json --short alloc >" in guests.jobs[0]
    for way in plan.ways:
        names = {path.name for path in (tmp_path / way).iterdir()}
        assert names == {"bench.json", "goals.md", "alloc.svg"}
        assert (tmp_path / way / "bench.json").read_bytes() == text


def test_figures_of_another_machine_are_judged_and_drawn(tmp_path: Path) -> None:
    rows = sized("alloc", 4096, 1, 2) + sized("mmap", 4096, 1, 2)
    text = document(rows + sized("alloc", 65536, 100, 100), "real")
    (tmp_path / "mine.json").write_text(text)
    words = ["bench", "--figures", str(tmp_path / "mine.json")]
    assert cli.main([*words, "--results", str(tmp_path / "drawn")]) == 0
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert names == {"goals.md", "alloc.svg"}
    assert cli.main(["bench", "--figures", str(tmp_path / "none.json")]) == 1


@pytest.mark.parametrize(
    "outcome, message",
    [({"lost": "panic"}, "the guest was lost: panic"), ({"status": 1}, "status 1")],
)
def test_a_guest_without_figures_is_said(
    monkeypatch: pytest.MonkeyPatch,
    kernel: kernels.Kernel,
    tmp_path: Path,
    outcome: dict[str, Any],
    message: str,
) -> None:
    Guests(monkeypatch, **outcome)
    with pytest.raises(RunnerError, match=message):
        bench.bench(kernel, settings.Settings(), bench.Plan(), tmp_path)


def test_costs_are_kept(
    monkeypatch: pytest.MonkeyPatch,
    kernel: kernels.Kernel,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "tests/host/bench").mkdir(parents=True)
    chosen = settings.Settings(source=tmp_path)
    for ours in (1000, 2000):
        text = document(sized("alloc", 4096, ours, 1000)).encode()
        guests = Guests(monkeypatch, files={"now.json": text, "slowed.json": b"{}"})
        assert costs.keep(kernel, chosen) == 0
        assert guests.machines[0].icount
        assert costs.kept_at(tmp_path).read_bytes() == text
    assert "1000 ns have become 2000 ns" in capsys.readouterr().out
