# SPDX-License-Identifier: GPL-2.0-only
"""Makes a failing program short: fewer lines, then fewer parameters in each.

``fails`` runs a program and says whether it fails in the same way. It is what takes the
time, so none is asked about twice.
"""
from __future__ import annotations

import re
from typing import Callable, Sequence

Program = tuple[str, ...]
Fails = Callable[[Program], bool]


class Oracle:
    """``fails`` with a memory, and a limit; beyond that nothing fails any more."""

    def __init__(self, fails: Fails, limit: int) -> None:
        self._fails = fails
        self._known: dict[Program, bool] = {}
        self._limit = limit

    @property
    def asked(self) -> int:
        return len(self._known)

    def __call__(self, program: Sequence[str]) -> bool:
        key = tuple(program)
        if key not in self._known:
            if self.asked >= self._limit:
                return False
            self._known[key] = self._fails(key)
        return self._known[key]


def shorten(program: Program, fails: Fails) -> Program:
    """Zeller's ddmin over the lines, by complements: no single line can be left out."""
    lines = program
    parts = 2
    while len(lines) > 1:
        size = -(-len(lines) // parts)
        for start in range(0, len(lines), size):
            rest = lines[:start] + lines[start + size :]
            if rest and fails(rest):
                lines = rest
                parts = max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(2 * parts, len(lines))
    return lines


def plainer(line: str, slots: Sequence[str]) -> list[str]:
    """The line with one parameter less, or with a plainer value of it.

    Another of the ``slots`` may make superfluous what filled the first one.
    """
    name, *values = line.split()
    found = []
    for i, value in enumerate(values):
        others = values[:i], values[i + 1 :]
        found.append(" ".join([name, *others[0], *others[1]]))
        key, _, text = value.partition("=")
        if re.fullmatch(r"\d+ms|never|0x[0-9a-f]+", text):
            texts = ["1"]
        elif key != "out" and text in slots:
            texts = list(slots[: slots.index(text)])
        else:
            texts = []
        for text in texts:
            found.append(" ".join([name, *others[0], f"{key}={text}", *others[1]]))
    return found


def simplify(program: Program, fails: Fails) -> Program:
    """Each line with as few parameters as it can do with."""
    lines = program
    slots = list(dict.fromkeys(re.findall(r"\bout=(r\d+)", "\n".join(program))))
    for i in range(len(lines)):
        again = True
        while again:
            again = False
            for line in plainer(lines[i], slots):
                candidate = lines[:i] + (line,) + lines[i + 1 :]
                if fails(candidate):
                    lines = candidate
                    again = True
                    break
    return lines


def minimise(program: Sequence[str], fails: Fails, limit: int = 1000) -> Program:
    """The shortest that was found with ``limit`` runs; ValueError if it does not fail."""
    oracle = Oracle(fails, limit)
    whole = tuple(program)
    if not oracle(whole):
        raise ValueError("the program does not fail again")
    while True:
        short = simplify(shorten(whole, oracle), oracle)
        if short == whole:
            return short
        whole = short
