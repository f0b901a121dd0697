# SPDX-License-Identifier: GPL-2.0-only
"""Both modules are asked to go at every moment: docs/modules/unload.md, row by row.

A module that may not go says so and goes on working. One that goes leaves nothing that
would lead back into it: what is kept beyond it still answers, and it can be loaded again.
"""
from __future__ import annotations

import os
import re
from typing import Iterator

import pytest

from tests.gates.counts import MODULES
from tests.lib import features, ioctls
from tests.lib.modules import (
    NODES,
    assert_both_work,
    is_loaded,
    load,
    load_what_is_missing,
)
from tests.lib.modules import unload as unload_module

from . import table
from .moments import MOMENTS
from .stage import Stage
from .table import BUSY, CLEAN, PATIENCES, Answers, Patiences

TABLE = table.read()

OTHER = {BUSY: CLEAN, CLEAN: BUSY}


@pytest.fixture(autouse=True)
def both_loaded() -> Iterator[None]:
    """Whatever a test does, the next one finds both modules."""
    yield
    load_what_is_missing()


def ask(moment: str, expected: Answers, patiences: Patiences) -> None:
    """AssertionError if the modules do not answer so, or anything suffers from it."""
    stage = Stage()
    try:
        MOMENTS[moment](stage)
        stage.check()
        assert table.answers(patiences) == expected
        for module, node in NODES.items():
            assert os.path.exists(node) == is_loaded(module)
        stage.check()
        load_what_is_missing()
        assert_both_work()
        stage.check()
    finally:
        stage.clear()
    for module in MODULES:
        unload_module(module)


def item(moment: str) -> str:
    return moment.replace(" ", "_").replace(",", "")


def expected(moment: str) -> Answers:
    """What docs/modules/unload.md says of it on this kernel."""
    return table.read(features.missing())[moment]


def patiences(true: Answers) -> Patiences:
    """What is to go has long; what stays, however long it is asked, need not be asked long."""
    return PATIENCES[true[0]], PATIENCES[true[1]]


@pytest.mark.parametrize("moment", TABLE, ids=item)
def test_E17_unload_moment(moment: str) -> None:
    answers = expected(moment)
    ask(moment, answers, patiences(answers))


def test_unload_table_and_moments_are_the_same() -> None:
    assert not table.differences(set(TABLE), set(MOMENTS))


@pytest.mark.parametrize("which", [0, 1], ids=MODULES)
@pytest.mark.parametrize(
    "moment", ["nothing", "attached dynamic", "only a sync_file, cancelled"], ids=item
)
def test_control_unload_with_another_answer_is_noticed(moment: str, which: int) -> None:
    true = expected(moment)
    answers = list(true)
    answers[which] = OTHER[answers[which]]
    wrong = answers[0], answers[1]
    with pytest.raises(AssertionError, match=re.escape(f"assert {true} == {wrong}")):
        ask(moment, wrong, patiences(true))


@pytest.mark.parametrize("name, path", NODES.items())
def test_unload_takes_the_node_away(name: str, path: str) -> None:
    unload_module(name)
    assert not os.path.exists(path)
    load(name)
    os.close(ioctls.open_node(path))


def test_unload_neither_module_needs_the_other() -> None:
    for name in MODULES:
        assert not os.listdir(f"/sys/module/{name}/holders")
