# SPDX-License-Identifier: GPL-2.0-only
"""What the tables of controls are made of."""
from __future__ import annotations

from typing import NamedTuple

from .names import FAULTS, MISBEHAVIOURS

#: Who notices: the case itself; or the gate around it, in the kernel's log.
ASSERTION = "assertion"
KERNEL_LOG = "kernel log"


class Wrong(NamedTuple):
    """How exporter, importer or surroundings are wrong; tests/lib reads the environment."""

    fault: str = ""
    misbehave: str = ""
    delay_ms: int = 0
    #: Those who have no rights keep those of root.
    nobody_is_root: bool = False

    @property
    def name(self) -> str:
        if self.nobody_is_root:
            return "NOBODY_IS_ROOT"
        return self.fault or self.misbehave or "BY_ITSELF"

    def environment(self) -> dict[str, str]:
        result = {}
        if self.fault:
            result["DBR_FAULTS"] = str(1 << FAULTS.index(self.fault))
        if self.misbehave:
            result["DBR_MISBEHAVE"] = str(1 << MISBEHAVIOURS.index(self.misbehave))
        if self.delay_ms:
            result["DBR_DELAY_NS"] = str(self.delay_ms * 10**6)
        if self.nobody_is_root:
            result["DBR_NOBODY_IS_ROOT"] = "1"
        return result


class Control(NamedTuple):
    """A case, and what turns it red."""

    #: The program and the case, as in pytest's names: "memory/mmap::E3_after_revoke_is_ENODEV".
    case: str
    wrong: Wrong
    #: Part of what the failure says.
    says: str
    noticed_by: str = ASSERTION
    #: A feature of the kernel without which the bug can do no harm, and the case passes.
    needs: str = ""
    #: It fails only when what does not come has been waited for: three seconds will do.
    waits: bool = False

    def environment(self) -> dict[str, str]:
        """What the case runs with."""
        shorter = {"DBR_SOON_MS": "3000"} if self.waits else {}
        return self.wrong.environment() | shorter

    @property
    def program(self) -> str:
        return self.case.partition("::")[0]

    @property
    def name(self) -> str:
        return self.case.partition("::")[2]


class Clause(NamedTuple):
    """What the modules and the suite do about a clause of the contract."""

    #: Where it is implemented: "file:function".
    functions: tuple[str, ...]
    controls: tuple[Control, ...] = ()
    #: What part of the clause has no control, and why not.
    without: str = ""


class Bug(NamedTuple):
    """A class of bug that really happened: "Classes of bug" in docs/contract.md."""

    title: str
    #: Faults and misbehaviours, each of which has a control.
    provoked_by: tuple[str, ...]
    #: Cases, or tests of pytest modules, that notice; beside the controls of the former.
    noticed_by: tuple[str, ...] = ()
    #: What part cannot be provoked, and why not.
    without: str = ""
