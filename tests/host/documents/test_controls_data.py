# SPDX-License-Identifier: GPL-2.0-only
"""The table of controls names functions, and the header names bugs: both exist."""
from __future__ import annotations

import re

import pytest

from tests.controls.data import CLAUSES
from tests.controls.names import FAULTS, MISBEHAVIOURS

from ..sample import REPOSITORY


@pytest.mark.parametrize(
    "where", sorted({where for entry in CLAUSES.values() for where in entry.functions})
)
def test_function_exists(where: str) -> None:
    path, _, name = where.partition(":")
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    assert re.search(rf"^(?:#define |[\w \*]*\b){name}\(", text, re.MULTILINE)


def test_every_bug_of_the_header_is_known() -> None:
    header = REPOSITORY / "include" / "uapi" / "dmabuf_revoke.h"
    text = header.read_text(encoding="utf-8")
    for kind, names in (("FAULT", FAULTS), ("MISBEHAVE", MISBEHAVIOURS)):
        found = re.findall(
            rf"^#define DMABUF_REVOKE_{kind}_(\w+)\s+\(1ULL << (\d+)\)", text, re.M
        )
        assert found == [(name, str(bit)) for bit, name in enumerate(names)]
