# SPDX-License-Identifier: GPL-2.0-only
"""What `dmabuf-revoke bench --json` prints: its figures, and which of two runs cost more."""
from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any, Iterator, NamedTuple

from ..errors import RunnerError

#: A cost may grow so much.
TOLERANCE = 0.10
#: In nanoseconds: what changes by less, such as a phase in which nothing was to be done, tells
#: where a cache line or a timer's tick fell.
SLACK = 300
#: What instructions are counted on, by the name in the JSON.
PLATFORM = {"kernel": "kernel", "build": "its build", "box": "emulator"}


class Name(NamedTuple):
    """What one figure is about."""

    group: str
    figure: str
    contender: str
    parameter: str
    value: int

    def __str__(self) -> str:
        of, at = f"{self.figure} of {self.contender}", f"{self.value} {self.parameter}"
        return f"{self.group}: {of} at {at}"


class Amount(NamedTuple):
    """A figure or what follows from some, and how far half of the single times are from it."""

    value: float
    spread: float

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.value - other.value, math.hypot(self.spread, other.spread))

    def __truediv__(self, other: "Amount") -> "Amount":
        ratio = self.value / other.value
        parts = self.spread / self.value, other.spread / other.value
        return Amount(ratio, abs(ratio) * math.hypot(*parts))


@dataclass(frozen=True)
class Run:
    """One run of the bench: one boot, or one machine."""

    machine: dict[str, Any]
    figures: dict[Name, int]
    #: Between the first and the third quartile; 0 where instructions are counted.
    spreads: dict[Name, int]

    @property
    def counted(self) -> bool:
        """Whether its figures may be compared with those of another run."""
        return bool(self.machine["time"] == "instructions")

    def at(self, group: str, figure: str, contender: str) -> dict[int, int]:
        """Of one figure the times, by the parameter's value, of all its parameters."""
        wanted = (group, figure, contender)
        return {
            name.value: ns for name, ns in self.figures.items() if name[:3] == wanted
        }

    def amounts(self, group: str, figure: str, contender: str) -> dict[int, Amount]:
        """The same, with what half of them keep within."""
        of = (group, figure, contender)
        return {
            name.value: Amount(ns, self.spreads[name] / 2)
            for name, ns in self.figures.items()
            if name[:3] == of
        }

    def of(self, contender: str) -> "Run":
        """Only the figures of one contender."""
        chosen = {n: ns for n, ns in self.figures.items() if n.contender == contender}
        return replace(self, figures=chosen)

    def over(self, parameter: str) -> "Run":
        """Only the figures that were taken over this parameter."""
        chosen = {n: ns for n, ns in self.figures.items() if n.parameter == parameter}
        return replace(self, figures=chosen)


def read(text: str | bytes) -> Run:
    """A run by its JSON. Where instructions are counted, what counts is the least of them:
    a timer's tick that falls into a measurement is not its cost. Elsewhere the median.
    RunnerError if it is none."""
    try:
        document = json.loads(text)
        machine: dict[str, Any] = document["machine"]
        counted = machine["time"] == "instructions"
        figures, spreads = {}, {}
        for row in document["figures"]:
            name = Name(*(row[field] for field in Name._fields))
            figures[name] = int(row["min_ns" if counted else "median_ns"])
            spreads[name] = 0 if counted else int(row["spread_ns"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunnerError(f"not what bench --json prints: {error!r}") from error
    return Run(machine, figures, spreads)


def grown(kept: Run, now: Run) -> Iterator[str]:
    """Each figure of both that grew beyond the tolerance."""
    for name in sorted(kept.figures.keys() & now.figures.keys()):
        before, after = kept.figures[name], now.figures[name]
        if after > before * (1 + TOLERANCE) and after > before + SLACK:
            yield f"{name}: {before} ns have become {after} ns (+{after / before - 1:.0%})"


def unmatched(kept: Run, now: Run) -> Iterator[str]:
    """Each figure that only one of the two has."""
    for name in sorted(kept.figures.keys() - now.figures.keys()):
        yield f"{name}: was not measured now"
    for name in sorted(now.figures.keys() - kept.figures.keys()):
        yield f"{name}: is not among the figures that are kept"


def differences(kept: Run, now: Run) -> Iterator[str]:
    """What else may have changed a count of instructions: the kernel, the emulator."""
    for key, name in PLATFORM.items():
        before, after = kept.machine.get(key), now.machine.get(key)
        if before != after:
            yield f"{name} was {before!r}, is now {after!r}"
