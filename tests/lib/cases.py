# SPDX-License-Identifier: GPL-2.0-only
"""Each case of a C test program as a pytest item of its own.

The cases are read from the source, which costs nothing; the program tells how many it has, so
one that was not built from this source is noticed.
"""
from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.gates.around import Gates

from .clauses import clauses_of
from .places import TESTS, TOP
from .stepper import StepError, Stepper

_CASE = re.compile(r"^(?:CASE|TEST)\(\w+, (\w+)", re.MULTILINE)


def program_directory() -> Path:
    """$DBR_BIN, or where `make programs` puts the test programs."""
    default = TOP / "build" / "tests"
    return Path(os.environ.get("DBR_BIN", default))


def is_program(source: Path) -> bool:
    """Whether that .c file below tests/ is one, as Makefile has it."""
    folders = source.relative_to(TESTS).parts[:-1]
    return "lib" not in folders and not (source.parent / "Kbuild").exists()


def programs() -> dict[str, Path]:
    """The sources of all, by the name of the program below program_directory()."""
    return {
        str(source.relative_to(TESTS).with_suffix("")): source
        for source in sorted(TESTS.rglob("*.c"))
        if is_program(source)
    }


class CaseFailed(Exception):
    """A failed case; the message is the whole report."""


class Program(pytest.File):
    """A C source with the program that was built from it."""

    def collect(self) -> Iterator[pytest.Item]:
        source = self.path.read_text(encoding="utf-8")
        self.stepper: Stepper | None = None
        self.cases: dict[str, int] = {
            match.group(1): source.count("\n", 0, match.start())
            for match in _CASE.finditer(source)
        }
        # By name, as the program runs them.
        for name in sorted(self.cases):
            yield Case.from_parent(self, name=name, line=self.cases[name])

    def at(self, case: str) -> Stepper:
        """The program, waiting to run that case."""
        if self.stepper and self.stepper.next != case:
            self.teardown()
        if not self.stepper:
            self.stepper = self._start(case)
        return self.stepper

    def _start(self, case: str) -> Stepper:
        program = program_directory() / self.path.relative_to(TESTS).with_suffix("")
        chosen = [item.name for item in self.session.items if item.parent is self]
        if case == chosen[0]:
            stepper = Stepper(program, chosen if len(chosen) < len(self.cases) else [])
        else:
            # After a crash of the program, or in an order that is not the program's.
            stepper = Stepper(program, [case])
        if stepper.total != len(self.cases) or stepper.next != case:
            stepper.close()
            raise StepError(
                f"{program} has {stepper.total} cases, {self.path.name} "
                f"{len(self.cases)}, and {case} is next: run `make programs`"
            )
        return stepper

    def teardown(self) -> None:
        if self.stepper:
            self.stepper.close()
        self.stepper = None


class Case(pytest.Item):
    """One case of a C test program."""

    def __init__(self, *, line: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.line = line
        for clause in clauses_of(self.name):
            self.add_marker(clause)

    def runtest(self) -> None:
        program = self.parent
        assert isinstance(program, Program)
        try:
            stepper = program.at(self.name)
            gates = Gates(self.nodeid)
            try:
                result = stepper.step()
            except StepError:
                program.teardown()
                raise
            finally:
                wrong = gates.close()
        except StepError as error:
            raise CaseFailed(str(error)) from None
        if result.status == "failed" or wrong:
            lines = [result.reason, *wrong, result.output]
            raise CaseFailed("\n".join(line for line in lines if line))
        if result.status == "skipped":
            pytest.skip(result.reason)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line, self.name
