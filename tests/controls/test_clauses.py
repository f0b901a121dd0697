# SPDX-License-Identifier: GPL-2.0-only
"""Every check of the contract turns red where the contract is broken on purpose.

The cases are the very same that pass in the suite. Here tests/lib makes them run against a
wrong exporter or importer, and each has to fail, by the assertion that is named.
"""
from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Iterable, Iterator

import pytest

from tests.gates import kernel_log
from tests.gates.around import Gates
from tests.gates.counts import MODULES
from tests.lib import features, modules
from tests.lib.cases import program_directory
from tests.lib.cases import programs as sources_of_programs
from tests.lib.clauses import CLAUSES as ALL_CLAUSES
from tests.lib.places import TESTS
from tests.lib.stepper import Result, StepError, Stepper

from .bugs import BUGS
from .data import CLAUSES
from .model import KERNEL_LOG, Control
from .names import FAULTS, MISBEHAVIOURS


def control_id(clause: str, control: Control) -> str:
    """Its clause, what is wrong, the case; and what the gate around it has to allow."""
    allowance = "-warns_unpin" if control.wrong.misbehave == "DOUBLE_UNPIN" else ""
    return f"{clause}_{control.wrong.name}-{control.name}{allowance}"


def controls_by_program() -> list[tuple[int, str, Control]]:
    """All of them, in an order that starts each program as seldom as possible.

    With the number of the run: in each the program's cases go by name, each once.
    """
    result = []
    seen: dict[str, int] = {}
    for clause, entry in CLAUSES.items():
        for control in entry.controls:
            run = seen[control.case] = seen.get(control.case, -1) + 1
            result.append((run, clause, control))
    return sorted(result, key=lambda row: (row[2].program, row[0], row[2].name))


PAIRS = [
    pytest.param(
        run,
        control,
        id=control_id(clause, control),
        marks=getattr(pytest.mark, clause),
    )
    for run, clause, control in controls_by_program()
]


def reload_modules() -> None:
    """What is said once is said once more."""
    for name in MODULES:
        modules.unload(name)
    for name in MODULES:
        modules.load(name)


class Programs:
    """Runs cases in surroundings of their own, without starting a program for each."""

    def __init__(self, environment: Path, chosen: list[tuple[int, Control]]) -> None:
        self._environment = environment
        self._chosen = chosen
        self._stepper: Stepper | None = None
        self._of: tuple[int, str] | None = None

    def close(self) -> None:
        if self._stepper:
            self._stepper.close()
        self._stepper = None

    def _at(self, run: int, control: Control) -> Stepper:
        if self._of != (run, control.program) or (
            self._stepper and self._stepper.next != control.name
        ):
            self.close()
        if not self._stepper:
            at = self._chosen.index((run, control))
            names = [
                other.name
                for number, other in self._chosen[at:]
                if (number, other.program) == (run, control.program)
            ]
            program = program_directory() / control.program
            self._stepper = Stepper(program, names)
            self._of = (run, control.program)
        assert self._stepper.next == control.name
        return self._stepper

    def run(self, run: int, control: Control) -> tuple[Result, list[str]]:
        """How a case ended, and what the gates around it say."""
        stepper = self._at(run, control)
        settings = control.environment().items()
        self._environment.write_text(
            "".join(f"{name}={value}\n" for name, value in settings), encoding="ascii"
        )
        gates = Gates(control.case)
        try:
            result = stepper.step()
        except StepError:
            self.close()
            raise
        finally:
            wrong = gates.close()
        return result, wrong


@pytest.fixture(scope="module")
def programs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Programs]:
    environment = tmp_path_factory.mktemp("controls") / "environment"
    selected = {item.nodeid for item in request.session.items}
    chosen = [
        (number, control)
        for number, clause, control in controls_by_program()
        if f"{request.node.nodeid}::test_control[{control_id(clause, control)}]"
        in selected
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBR_ENVIRONMENT", str(environment))
        programs = Programs(environment, chosen)
        yield programs
        programs.close()


def is_refused(fault: str) -> bool:
    """Whether the kernel does not stand an exporter with this fault."""
    return fault == "NO_PIN_OP" and "STATIC_MAP" in features.missing()


@pytest.mark.parametrize("number, control", PAIRS)
def test_control(programs: Programs, number: int, control: Control) -> None:
    if control.noticed_by == KERNEL_LOG:
        reload_modules()
    result, wrong = programs.run(number, control)
    if control.noticed_by == KERNEL_LOG:
        assert any(control.says in line for line in wrong), wrong
        return
    assert not wrong
    if result.status == "skipped":
        pytest.skip(result.reason)
    if control.needs in features.missing():
        assert result.status == "passed"
        return
    assert result.status == "failed", "the case did not notice"
    if is_refused(control.wrong.fault):
        assert "EOPNOTSUPP" in result.output
        return
    assert not result.reason, result.reason
    assert control.says in result.output


def sources() -> dict[str, set[str]]:
    """The cases of each program; the tests of each pytest module."""
    cases = re.compile(r"^(?:CASE|TEST)\(\w+, (\w+)", re.MULTILINE)
    tests = re.compile(r"^def (test_\w+)", re.MULTILINE)
    result = {
        name: set(cases.findall(path.read_text(encoding="utf-8")))
        for name, path in sources_of_programs().items()
    }
    for path in TESTS.rglob("test_*.py"):
        name = str(path.relative_to(TESTS).with_suffix(""))
        result[name] = set(tests.findall(path.read_text(encoding="utf-8")))
    return result


def test_every_clause_has_an_entry() -> None:
    assert CLAUSES.keys() == ALL_CLAUSES.keys()
    for clause, entry in CLAUSES.items():
        assert entry.functions, clause
        assert entry.controls or entry.without, clause


def test_every_case_that_is_named_exists() -> None:
    have = sources()
    named = [
        control.case for entry in CLAUSES.values() for control in entry.controls
    ] + [case for bug in BUGS.values() for case in bug.noticed_by]
    for case in named:
        program, _, name = case.partition("::")
        assert name in have.get(program, ()), case


def test_every_deliberate_bug_has_a_control() -> None:
    provoked = {
        control.wrong.name for entry in CLAUSES.values() for control in entry.controls
    }
    assert provoked >= {*FAULTS, *MISBEHAVIOURS}


def test_deliberate_bugs_are_those_of_the_cases() -> None:
    """misbehave.c and faults.c check their tables against the kernel."""
    for source, macro, names in (
        ("importer/misbehave", "M", MISBEHAVIOURS),
        ("interface/faults", "F", FAULTS),
    ):
        text = sources_of_programs()[source].read_text(encoding="utf-8")
        table = re.search(r"table\[\] = \{\n(.*?)\n\};", text, re.DOTALL)
        assert table
        found = re.findall(rf"\b{macro}\((\w+)\)", table.group(1))
        assert tuple(found) == names


def test_every_class_of_bug_has_an_entry() -> None:
    assert list(BUGS) == list(range(1, 25))
    for number, bug in BUGS.items():
        assert bug.provoked_by or (bug.noticed_by and bug.without), number
        assert {*bug.provoked_by} <= {*FAULTS, *MISBEHAVIOURS}, number


def log_of(program: str, case: str) -> str:
    """What the kernel logs while a case runs twice, with modules that have said nothing."""
    reload_modules()
    log = os.open(kernel_log.KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.lseek(log, 0, os.SEEK_END)
    try:
        for _ in range(2):
            stepper = Stepper(program_directory() / program, [case])
            assert stepper.step().status == "passed"
            stepper.close()
        lines, lost = kernel_log.read_records(log)
    finally:
        os.close(log)
    assert not lost
    return "\n".join(lines)


def as_logged(names: Iterable[str]) -> list[str]:
    return [name.lower().replace("_", "-") for name in names]


def test_each_misbehaviour_is_named_in_the_log_once() -> None:
    log = log_of("importer/misbehave", "each_goes_with_its_kinds_and_is_seen_in_status")
    said = re.findall(r"an attachment misbehaves on purpose: (\S+)", log)
    assert said == as_logged(MISBEHAVIOURS)


def test_each_fault_is_named_in_the_log_once() -> None:
    log = log_of("interface/faults", "each_is_seen_in_query")
    said = re.findall(r"a buffer is made with a bug on purpose: (\S+)", log)
    assert said == as_logged([name for name in FAULTS if not is_refused(name)])
