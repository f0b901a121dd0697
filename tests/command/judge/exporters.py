# SPDX-License-Identifier: GPL-2.0-only
"""What dmabuf-revoke test-exporter says of the programs of tests/drivers/export."""
from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.lib.cases import program_directory

from ..run import COMMAND, SOON, run

#: For those who do not do what is waited for. Nothing else comes near to these.
IMPATIENT = ("--limit", "command=8s,answer=4s,end=5s")

Finding = dict[str, Any]


def program(name: str) -> str:
    return str(program_directory() / "drivers/export" / name)


class Verdicts:
    """Of a run."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        assert done.returncode in (0, 1, 77), done.stdout + done.stderr
        self.status = done.returncode
        self.findings: list[Finding] = json.loads(done.stdout)["findings"]
        assert self.findings

    def of(self, verdict: str) -> set[tuple[str, str]]:
        """Scenarios and clauses."""
        return {
            (row["scenario"], row["clause"])
            for row in self.findings
            if row["verdict"] == verdict
        }

    def evidence(self, scenario: str, clause: str) -> str:
        return "\n".join(
            row["evidence"]
            for row in self.findings
            if (row["scenario"], row["clause"]) == (scenario, clause)
        )

    def all(self) -> str:
        return "\n".join(
            f"{row['verdict']} {row['scenario']} {row['clause']} {row['evidence']}"
            for row in self.findings
        )


def judge(
    *words: str, more: tuple[str, ...] = (), limit: float = 10 * SOON
) -> Verdicts:
    """With a program that exports, or what else names a dma-buf."""
    given = ("--", *words) if words else ()
    done = subprocess.run(
        [COMMAND, "test-exporter", "--json", *IMPATIENT, *more, *given],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    return Verdicts(done)


def scenarios() -> dict[str, set[str]]:
    """All there are, with their clauses."""
    rows = json.loads(run("test-exporter", "--list", "--json").stdout)["scenarios"]
    return {row["scenario"]: set(row["clauses"].split()) for row in rows}
