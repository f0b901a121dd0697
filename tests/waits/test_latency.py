# SPDX-License-Identifier: GPL-2.0-only
"""Every call ends soon after a fatal signal, at whatever moment that arrives.

docs/performance/latency.md has a row for each; latency.c makes the calls.
"""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.lib.cases import program_directory
from tests.lib.places import DOCS

DOCUMENT = DOCS / "performance" / "latency.md"
PATIENCE = float(os.environ.get("DBR_PATIENCE", "1"))
#: Milliseconds from the signal to the end of the process.
LIMIT = 100 * PATIENCE


def documented(text: str) -> list[str]:
    """The calls of the table, in its order."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [row.split("|")[1].strip() for row in rows[1:]]


CALLS = documented(DOCUMENT.read_text(encoding="utf-8"))


def run(argument: str) -> str:
    done = subprocess.run(
        [program_directory() / "waits/latency", argument],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def call_id(call: str) -> str:
    return call.replace(",", "").replace(" ", "_")


@pytest.mark.parametrize("call", CALLS, ids=call_id)
def test_E8_call_ends_on_a_fatal_signal(call: str) -> None:
    assert float(run(call)) <= LIMIT


def test_E8_table_and_program_have_the_same_calls() -> None:
    assert run("--list").splitlines() == CALLS
