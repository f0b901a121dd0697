# SPDX-License-Identifier: GPL-2.0-only
"""docs/modules/unload.md as data, and how a module answers when it is asked to go."""
from __future__ import annotations

import time
from pathlib import Path

from tests.gates.counts import MODULES, PATIENCE
from tests.lib import features
from tests.lib.modules import is_loaded, try_unload
from tests.lib.places import DOCS

DOCUMENT = DOCS / "modules/unload.md"

BUSY, CLEAN = "busy", "clean"

#: Of the exporter and of the importer.
Answers = tuple[str, str]

#: Seconds that a module has to prove an answer wrong, once a worker that is still about it is
#: ready; how long that takes decides nothing. One that stays busy has no event.
PATIENCES = {BUSY: 0.1, CLEAN: PATIENCE}
Patiences = tuple[float, float]
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
    """The table of docs/modules/unload.md, for a kernel that lacks these features.

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
        [f"{moment}: only in docs/modules/unload.md" for moment in table - moments]
        + [f"{moment}: no row in docs/modules/unload.md" for moment in moments - table]
    )


def answer(module: str, patience: float) -> str:
    """What the module says when it is asked again and again for so many seconds.

    A worker that is still giving memory back is no reason to stay.
    """
    deadline = time.monotonic() + patience
    while not try_unload(module):
        if time.monotonic() >= deadline:
            return BUSY
        # That a worker has dropped the last reference has no event.
        time.sleep(0.0002)
    return CLEAN


def answers(patiences: Patiences) -> Answers:
    """Of both modules, asked one after the other. What is clean is gone afterwards."""
    exporter, importer = (answer(*pair) for pair in zip(MODULES, patiences))
    for module, seen in zip(MODULES, (exporter, importer)):
        assert is_loaded(module) == (seen == BUSY), module
    return exporter, importer
