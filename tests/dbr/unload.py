# SPDX-License-Identifier: GPL-2.0-only
"""docs/unload.md as data, and how a module answers when it is asked to go."""
from __future__ import annotations

import time
from pathlib import Path

from . import features
from .counts import MODULES
from .modules import is_loaded, try_unload, until_unused

DOCUMENT = Path(__file__).parents[2] / "docs" / "unload.md"

BUSY, CLEAN = "busy", "clean"

#: Seconds for which a module has to stay busy: longer than a worker is about it.
HOLD = 0.1

#: Of the exporter and of the importer.
Answers = tuple[str, str]
Table = dict[str, Answers]

_HEAD = ["moment", "exporter", "importer"]


def _columns(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


def parse(text: str) -> Table:
    """The one table of the text. ValueError if it is not as it should be."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    if not lines or _columns(lines[0]) != _HEAD:
        raise ValueError(f"no table that begins with {_HEAD}")
    table: Table = {}
    for line in lines[2:]:
        moment, exporter, importer = _columns(line)
        if moment in table:
            raise ValueError(f"two rows for {moment}")
        if not {exporter, importer} <= {BUSY, CLEAN}:
            raise ValueError(f"{moment}: neither {BUSY} nor {CLEAN}")
        table[moment] = exporter, importer
    return table


def read(missing: list[str] | None = None) -> Table:
    """The table of docs/unload.md, for a kernel that lacks these features.

    ValueError if what is said of such a kernel is no exception.
    """
    main, others = features.sections(DOCUMENT.read_text(encoding="utf-8"))
    table = parse(main)
    for name in missing or []:
        for moment, expected in parse(others[name]).items() if name in others else []:
            if table[moment] == expected:
                raise ValueError(f"{moment}: the same without {name}")
            table[moment] = expected
    return table


def differences(table: set[str], moments: set[str]) -> list[str]:
    """The moments that only one side has; nothing, if all is well."""
    return sorted(
        [f"{moment}: only in docs/unload.md" for moment in table - moments]
        + [f"{moment}: no row in docs/unload.md" for moment in moments - table]
    )


def answer(module: str, expected: str) -> str:
    """What the module says. It has some time to prove ``expected`` wrong.

    One that should go may have a worker that is still giving memory back. One that should
    stay is asked again and again, since such a worker is no reason to stay.
    """
    if expected == CLEAN:
        until_unused(module)
        return CLEAN if try_unload(module) else BUSY
    deadline = time.monotonic() + HOLD
    while time.monotonic() < deadline:
        if try_unload(module):
            return CLEAN
    return BUSY


def answers(expected: Answers) -> Answers:
    """Of both modules, asked one after the other. What is clean is gone afterwards."""
    exporter, importer = (answer(*pair) for pair in zip(MODULES, expected))
    for module, seen in zip(MODULES, (exporter, importer)):
        assert is_loaded(module) == (seen == BUSY), module
    return exporter, importer
