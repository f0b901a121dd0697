# SPDX-License-Identifier: GPL-2.0-only
"""A run of pytest: what it is asked for, and what its end says."""
from __future__ import annotations

from dataclasses import dataclass

from ..output.console import say
from .results import Totals, from_junit

PYTEST_NO_TESTS = 5


@dataclass(frozen=True)
class Choice:
    """What to run: ``expression`` is pytest's -k, ``arguments`` go to pytest as they are."""

    expression: str = ""
    arguments: tuple[str, ...] = ()

    def pytest(self, part: str = "") -> list[str]:
        """pytest's arguments; ``part`` stands in where nothing was chosen."""
        expression = self.expression or part
        chosen = ["-k", expression] if expression else []
        return ["-ra", *chosen, *self.arguments]


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
        if not partial:
            totals.errors += 1
            totals.wrong.append("no tests ran")
    elif status != 0 and not totals.failed and not totals.errors:
        totals.errors += 1
        totals.wrong.append(f"pytest ended with status {status}")
    return totals
