# SPDX-License-Identifier: GPL-2.0-only
"""The parts of a check that run on the host: the tests there, and lint."""
from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..output.console import GuestStream
from ..settings import Settings
from .results import Totals
from .runs import Choice, judge
from .watch import Watch

#: What of tests/host runs, by its marks (tests/host/conftest.py).
CHOICES = {
    "quick": "not whole and not foreign",
    "all": "not foreign",
    "foreign": "foreign",
}

_CHECKED = re.compile(rb"^lint: (.+?) +(ok|FAILED)$", re.MULTILINE)


class _Lint:
    """Counts the checks of scripts/lint by what it says of each."""

    def __init__(self, stream: GuestStream) -> None:
        self._stream = stream
        self._text = b""

    def feed(self, data: bytes) -> None:
        self._stream.feed(data)
        self._text += data

    def totals(self, status: int) -> Totals:
        self._stream.close()
        checks = _CHECKED.findall(self._text)
        wrong = [name.decode() for name, said in checks if said == b"FAILED"]
        totals = Totals(passed=len(checks) - len(wrong), failed=len(wrong), wrong=wrong)
        if status and not wrong:
            totals.errors += 1
            totals.wrong.append(f"scripts/lint ended with status {status}")
        return totals


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


def _run(words: list[str], settings: Settings, watch: Watch | _Lint) -> int:
    """Run a program in the source tree; its output goes to ``watch``."""
    child = process.start(
        words,
        cwd=settings.source,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert child.stdout
    while data := os.read(child.stdout.fileno(), 1 << 16):
        watch.feed(data)
    child.stdout.close()
    status = process.finish(child)
    process.going_on()
    return status


def tests(
    settings: Settings,
    choice: Choice,
    results: Path,
    which: str,
    name: str,
    prefix: str,
) -> Totals:
    """tests/host, by pytest on the host; ``which`` is one of CHOICES."""
    directory = results / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "junit.xml").unlink(missing_ok=True)
    words = [*choice.pytest(), "-m", CHOICES[which]]
    with tempfile.TemporaryDirectory() as scratch, Watch(
        name, GuestStream(prefix), shlex.join(words)
    ) as watch:
        junit = Path(scratch, "junit.xml")
        pytest = [host_python(), "-m", "pytest", "tests/host", "-p", "no:cacheprovider"]
        status = _run([*pytest, *words, f"--junitxml={junit}"], settings, watch)
        text = junit.read_bytes() if junit.exists() else None
    if text is not None:
        (directory / "junit.xml").write_bytes(text)
    return judge(name, status, text, bool(choice.expression))


def lint(
    settings: Settings, kernels: tuple[str, ...], name: str, prefix: str
) -> Totals:
    """scripts/lint, the modules with the headers of ``kernels``; a check is a case."""
    counter = _Lint(GuestStream(prefix))
    status = _run(["scripts/lint", *kernels], settings, counter)
    return counter.totals(status)
