# SPDX-License-Identifier: GPL-2.0-only
"""The test suite over several kernels and on the host, with one verdict."""
from __future__ import annotations

import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple

from .. import process
from ..errors import RunnerError
from ..kernels import Kernel
from ..machine import session
from ..output.console import GuestStream, result, say
from ..settings import Settings
from . import coverage, host, ktap, provoke
from .results import Totals, closing_line
from .runs import Choice, judge
from .watch import Watch

#: Failed cases of a part that the verdict names.
SHOWN = 20

#: Takes its name and a prefix for each line of its output.
Part = Callable[[str, str], Totals]


@dataclass(frozen=True)
class Beside:
    """What runs beside the guests: tests/host, as one of host.CHOICES, and lint with the headers
    of some kernels."""

    host: str = ""
    lint: tuple[str, ...] = ()


class Share(NamedTuple):
    """What a guest runs of a kernel's suite: pytest's -k and --shard."""

    kernel: Kernel
    name: str
    part: str
    shard: str = ""


def shares(kernel: Kernel) -> list[Share]:
    """Of the guests that share what a kernel computes of the suite."""
    if kernel.shards == 1:
        return [Share(kernel, kernel.name, kernel.part)]
    numbers = range(1, kernel.shards + 1)
    return [
        Share(kernel, f"{kernel.name}.{n}", kernel.part, f"{n}/{kernel.shards}")
        for n in numbers
    ]


def in_order(kernels: list[Kernel], jobs: int) -> list[Share]:
    """The shares of all, in the order of their start.

    The slow ones first, so that nothing long is left for the end. But while the first one's
    kernel is built, another of that kernel could only wait: those that need not come between,
    as many as start at once.
    """
    rows = sorted(kernels, key=lambda kernel: -kernel.patience)
    guests = [share for kernel in rows for share in shares(kernel)]
    others = [guest for guest in guests if guest.kernel is not rows[0]][: jobs - 1]
    return guests[:1] + others + [each for each in guests[1:] if each not in others]


def those_that_wait(kernels: list[Kernel]) -> list[Share]:
    """The shares that leave the CPUs to others most of the time: no seat is kept for them."""
    return [
        Share(kernel, f"{kernel.name}.waiting", kernel.waiting)
        for kernel in kernels
        if kernel.waiting
    ]


def job(choice: Choice, shard: str = "", part: str = "") -> session.Job:
    """What runs the suite in a guest."""
    words = ["exec", "python3", "guest/pytest_gate.py", "tests"]
    if shard:
        words.append(f"--shard={shard}")
    line = shlex.join([*words, "-p", "no:cacheprovider", *choice.pytest(part)])
    # An exporter that the tests compare with, where the kernel has it as a module.
    script = (
        "modprobe -q vgem\n"
        f'cd {session.HOME} && {line} --junitxml="$DBR_RESULTS/junit.xml"\n'
    )
    return session.Job(script, gate=True)


def _guest(share: Share, settings: Settings, choice: Choice, results: Path) -> Part:
    """A part that builds for, boots and tests one kernel."""

    def part(name: str, prefix: str) -> Totals:
        words = shlex.join(choice.pytest(share.part))
        with Watch(name, GuestStream(prefix), words) as watch:
            todo = job(choice, share.shard, share.part)
            outcome = session.run(share.kernel, settings, todo, watch.feed)
        session.save(results / name, outcome)
        if outcome.lost:
            session.report_loss(name, outcome, settings.verbose)
            return Totals(errors=1, wrong=[f"the guest was lost: {outcome.lost}"])
        if settings.verbose:
            session.show_log(name, outcome)
        junit = outcome.files.get("junit.xml")
        totals = judge(name, outcome.status, junit, bool(choice.expression))
        if outcome.first:
            totals.notes.append(
                f"started again after a guest lost: {outcome.first.lost}"
            )
        return totals

    return part


def verdict(totals: dict[str, Totals], seconds: float) -> int:
    """Print what the parts counted and their sum; the exit status."""
    total = Totals(seconds=seconds)
    for name, part in totals.items():
        total.add(part)
        for reason, count in sorted(part.reasons.items()):
            result(f"[{name}] skipped {count}: {reason}")
    # Last, where a log that was cut short still has them.
    for name, part in totals.items():
        for line in part.wrong[:SHOWN]:
            result(f"[{name}] failed: {line}")
        if len(part.wrong) > SHOWN:
            result(f"[{name}] failed: {len(part.wrong) - SHOWN} more")
    for name, part in totals.items():
        for line in part.notes:
            result(f"[{name}] note: {line}")
    for name, part in totals.items():
        if len(totals) > 1 and part.ran:
            result(f"[{name}] {closing_line(part).strip('= ')}")
    if not total.ran:
        result("no tests ran at all: that is a failure")
    result(closing_line(total))
    return 0 if total.good else 1


def write_ktap(directory: Path) -> None:
    """Beside the junit.xml of a part, if it has one, the same as KTAP."""
    junit, target = directory / "junit.xml", directory / "results.ktap"
    target.unlink(missing_ok=True)
    if not junit.exists():
        return
    try:
        target.write_text(ktap.from_junit(junit.read_bytes()))
    except ValueError:
        pass  # judge() has said so, and counted it


def _coverage(kernel: Kernel, settings: Settings, results: Path) -> Totals:
    """The coverage of the guests that have just run, as one more case."""
    names = [share.name for share in shares(kernel)]
    wrong = coverage.report(kernel, settings, [results / name for name in names])
    return Totals(failed=1, wrong=wrong) if wrong else Totals(passed=1)


def _detectors(kernel: Kernel, settings: Settings, results: Path) -> dict[str, Part]:
    """The control of the kernel's detectors, unless this kernel has passed it before."""
    name = f"{kernel.name}.detectors"

    def part(name: str, prefix: str) -> Totals:
        count = provoke.known(kernel, settings)
        if not count:
            return provoke.run(kernel, settings, results, name, prefix)
        say(f"[{name}] {count} provocations were noticed when this kernel was new")
        return Totals()

    return {name: part}


def _safely(name: str, part: Callable[[], Totals]) -> Totals:
    """What the part counts; a RunnerError becomes an error of the count."""
    start = time.monotonic()
    try:
        totals = part()
    except RunnerError as error:
        say(f"[{name}] {error}")
        totals = Totals(errors=1, wrong=str(error).splitlines()[:1])
    totals.seconds = time.monotonic() - start
    return totals


def _run_all(
    parts: dict[str, Part], waiting: dict[str, Part], jobs: int
) -> dict[str, Totals]:
    """Run the parts, ``jobs`` at a time, in their order, and beside them those that wait."""
    both = {**waiting, **parts}
    prefixes = {name: f"[{name}] " if len(both) > 1 else "" for name in both}
    pools = ThreadPoolExecutor(max(1, jobs)), ThreadPoolExecutor(max(1, len(waiting)))
    with pools[0], pools[1]:
        try:
            futures = {
                name: pools[name in waiting].submit(
                    _safely, name, partial(part, name, prefixes[name])
                )
                for name, part in both.items()
            }
            return {name: future.result() for name, future in futures.items()}
        except BaseException:
            for pool in pools:
                pool.shutdown(wait=False, cancel_futures=True)
            process.end()
            raise


def check(
    kernels: list[Kernel],
    settings: Settings,
    choice: Choice,
    results: Path,
    beside: Beside,
    jobs: int,
) -> int:
    """Run everything and print the verdict; 0 only if all passed and no guest was lost."""
    start = time.monotonic()
    if len(kernels) == 1 and not choice.expression:
        kernels = [replace(kernels[0], shards=max(kernels[0].shards, jobs))]
    guests: list[tuple[str, Part]] = [
        (share.name, _guest(share, settings, choice, results))
        for share in in_order(kernels, jobs)
    ]
    waiting = {
        share.name: _guest(share, settings, choice, results)
        for share in ([] if choice.expression else those_that_wait(kernels))
    }
    # What is on the host takes as long as a guest: it is not left for the end either.
    parts: dict[str, Part] = dict(guests[:jobs])
    if beside.host:
        parts["host"] = partial(host.tests, settings, choice, results, beside.host)
    if beside.lint:
        parts["lint"] = partial(host.lint, settings, beside.lint)
    parts.update(guests[jobs:])
    for kernel in kernels:
        if kernel.fragments and not choice.expression:
            parts.update(_detectors(kernel, settings, results))
    totals = _run_all(parts, waiting, jobs)
    for name in totals:
        write_ktap(results / name)
    for kernel in kernels:
        if kernel.counted and not choice.expression:
            totals["coverage"] = _safely(
                "coverage", partial(_coverage, kernel, settings, results)
            )
    return verdict(totals, time.monotonic() - start)
