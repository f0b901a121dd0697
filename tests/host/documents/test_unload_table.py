# SPDX-License-Identifier: GPL-2.0-only
"""docs/modules/unload.md cannot be read wrongly, nor differ from the moments unnoticed."""
from __future__ import annotations

import pytest

from tests.lib import features
from tests.life.unload import table
from tests.life.unload.moments import MOMENTS

HEAD = "| moment | exporter | importer |\n|---|---|---|\n"


def test_rows_are_read() -> None:
    text = f"words\n\n{HEAD}| `a b` | busy | clean |\n\nwords"
    assert table.parse(text) == {"a b": ("busy", "clean")}


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("| moment | exporter |\n|---|---|\n", "no table"),
        (HEAD + "| a | busy |\n", "unpack"),
        (HEAD + "| a | busy | no |\n", "neither"),
        (HEAD + "| a | busy | busy |\n| a | busy | busy |\n", "two rows"),
    ],
    ids=["no_table", "short_row", "unknown_word", "row_twice"],
)
def test_control_bad_table_is_noticed(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        table.parse(text)


def test_control_missing_row_and_moment_are_noticed() -> None:
    assert table.differences({"a"}, {"b"}) == [
        "a: only in docs/modules/unload.md",
        "b: no row in docs/modules/unload.md",
    ]


def test_every_exception_is_one() -> None:
    for name in features.FEATURES:
        assert table.read([name]).keys() == table.read().keys()


def test_document_and_moments_are_the_same() -> None:
    assert not table.differences(set(table.read()), set(MOMENTS))
