# SPDX-License-Identifier: GPL-2.0-only
"""The test suite over several kernels and on the host, with one verdict."""
from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import process, session
from .errors import RunnerError
from .kernels import Kernel
from .output import GuestStream, result, say
from .results import Totals, closing_line, from_junit
from .settings import Settings

PYTEST_NO_TESTS = 5


@dataclass(frozen=True)
class Choice:
    """What to run: ``expression`` is pytest's -k, ``arguments`` go to pytest as they are."""

    expression: str = ""
    arguments: tuple[str, ...] = ()

    def pytest(self) -> list[str]:
        chosen = ["-k", self.expression] if self.expression else []
        return ["-ra", *chosen, *self.arguments]


def job(choice: Choice) -> session.Job:
    """What runs the suite in a guest."""
    words = ["exec", "python3", "guest/pytest_gate.py", "tests"]
    line = shlex.join([*words, "-p", "no:cacheprovider", *choice.pytest()])
    script = f'cd {session.HOME} && {line} --junitxml="$DBR_RESULTS/junit.xml"\n'
    return session.Job(script, gate=True)


def judge(name: str, status: int, junit: bytes | None, partial: bool) -> Totals:
    """The counts of one pytest run, with an error added where they hide a failure.

    With ``partial`` (a selection was asked for) it is no failure that nothing matched.
    """
    totals = Totals()
    try:
        if junit is not None:
            totals = from_junit(junit)
    except ValueError as error:
        say(f"[{name}] {error}")
    if status == PYTEST_NO_TESTS or (status == 0 and not totals.ran):
        say(f"[{name}] no tests ran")
        totals.errors += 0 if partial else 1
    elif status != 0 and not totals.failed and not totals.errors:
        say(f"[{name}] pytest ended with status {status}")
        totals.errors += 1
    return totals


def _guest(
    kernel: Kernel, settings: Settings, choice: Choice, results: Path, prefix: str
) -> Totals:
    """Build for, boot and test one kernel; RunnerError becomes an error of the count."""
    name = kernel.name
    try:
        stream = GuestStream(prefix)
        outcome = session.run(kernel, settings, job(choice), stream.feed)
        stream.close()
        session.save(results / name, outcome)
    except RunnerError as error:
        say(f"[{name}] {error}")
        return Totals(errors=1)
    if outcome.lost:
        session.report_loss(name, outcome, settings.verbose)
        return Totals(errors=1)
    if settings.verbose:
        session.show_log(name, outcome)
    junit = outcome.files.get("junit.xml")
    return judge(name, outcome.status, junit, bool(choice.expression))


def host_python() -> str:
    """A Python that has pytest; RunnerError if there is none."""
    for python in dict.fromkeys([sys.executable, "/usr/bin/python3"]):
        command = [python, "-c", "import pytest"]
        try:
            if subprocess.run(command, capture_output=True).returncode == 0:
                return python
        except OSError:
            continue
    raise RunnerError("no pytest on the host; run: python3 scripts/guest setup")


def _host(settings: Settings, choice: Choice, results: Path, prefix: str) -> Totals:
    """tests/host, by pytest on the host."""
    directory = results / "host"
    directory.mkdir(parents=True, exist_ok=True)
    stream = GuestStream(prefix)
    with tempfile.TemporaryDirectory() as scratch:
        junit = Path(scratch, "junit.xml")
        command = [
            host_python(),
            "-m",
            "pytest",
            "tests/host",
            "-p",
            "no:cacheprovider",
        ]
        child = process.start(
            [*command, *choice.pytest(), f"--junitxml={junit}"],
            cwd=settings.source,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert child.stdout
        while data := os.read(child.stdout.fileno(), 1 << 16):
            stream.feed(data)
        child.stdout.close()
        status = process.finish(child)
        stream.close()
        text = junit.read_bytes() if junit.exists() else None
    if text is not None:
        (directory / "junit.xml").write_bytes(text)
    return judge("host", status, text, bool(choice.expression))


def check(
    kernels: list[Kernel],
    settings: Settings,
    choice: Choice,
    results: Path,
    host: bool,
    jobs: int,
) -> int:
    """Run everything and print the verdict; 0 only if all passed and no guest was lost."""
    start = time.monotonic()
    several = len(kernels) + host > 1
    parts: dict[str, Totals] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        futures = {
            kernel.name: pool.submit(
                _guest,
                kernel,
                settings,
                choice,
                results,
                f"[{kernel.name}] " if several else "",
            )
            for kernel in kernels
        }
        try:
            for name, future in futures.items():
                parts[name] = future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            process.kill_all()
            raise
    if host:
        try:
            parts["host"] = _host(settings, choice, results, "[host] ")
        except RunnerError as error:
            say(f"[host] {error}")
            parts["host"] = Totals(errors=1)
    total = Totals()
    for name, part in parts.items():
        total.add(part)
        for reason, count in sorted(part.reasons.items()):
            result(f"[{name}] skipped {count}: {reason}")
        if several:
            result(f"[{name}] {closing_line(part, 0).strip('= ').rsplit(' in ', 1)[0]}")
    if not total.ran:
        result("no tests ran at all: that is a failure")
    result(closing_line(total, time.monotonic() - start))
    return 0 if total.good else 1
