# SPDX-License-Identifier: GPL-2.0-only
"""What test-importer says of a program: for each scenario and clause the verdict that outweighs."""
from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.lib.cases import program_directory

from ..run import COMMAND, SOON, default_signals

#: As docs/judging.md has it: what outweighs comes later.
ORDER = ["SKIP", "UNKNOWN", "PASS", "FAIL"]

#: Scenario and clause.
Cell = tuple[str, str]

#: This project's importer, as a program to be judged.
OURS = str(program_directory() / "drivers/import/ours")


class Verdicts:
    """All that one run of the judge has found."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        assert done.stdout, done.stderr
        self.status = done.returncode
        self.findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        self.cells: dict[Cell, str] = {}
        for row in self.findings:
            cell = (row["scenario"], row["clause"])
            old = self.cells.get(cell, "SKIP")
            self.cells[cell] = max(old, row["verdict"], key=ORDER.index)

    def cells_of(self, verdict: str) -> set[Cell]:
        return {cell for cell, found in self.cells.items() if found == verdict}

    def evidence(self, *verdicts: str) -> str:
        """For messages: what was said of those."""
        return "\n".join(
            f"{row['verdict']} {row['clause']} in {row['scenario']}: {row['evidence']}\n"
            f"{row.get('details', '')}"
            for row in self.findings
            if row["verdict"] in verdicts
        )


def judge(
    *options: str, program: tuple[str, ...] = (OURS,), limit: float = 5 * SOON
) -> Verdicts:
    """The judge with these options, on that program."""
    return Verdicts(
        subprocess.run(
            [COMMAND, "test-importer", "--json", *options, "--", *program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            preexec_fn=default_signals,
        )
    )
