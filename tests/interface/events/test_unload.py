# SPDX-License-Identifier: GPL-2.0-only
"""An event that is on keeps no module, and a module that goes leaves nothing to trip over."""
from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from tests.lib import modules

from .fields import EVENTS
from .instance import TRACEFS, Pipe, enable, tracing


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with tracing() as pipe:
        yield pipe
        modules.load_what_is_missing()


def is_on(directory: Path, system: str) -> bool:
    text = (directory / "events" / system / "enable").read_text(encoding="ascii")
    return text.strip() == "1"


def test_module_goes_while_its_events_are_on(pipe: Pipe) -> None:
    modules.assert_both_work()
    for name in EVENTS:
        modules.until_unused(name)
        assert modules.references(name) == 0
    for name in reversed(EVENTS):
        modules.unload(name)
        assert not (pipe.directory / "events" / name).exists()
        assert not (TRACEFS / "events" / name).exists()
    # What was not read may be gone; the reader is none the worse.
    pipe.clear()
    modules.load_what_is_missing()
    for name in EVENTS:
        assert not is_on(pipe.directory, name)
    modules.assert_both_work()
    assert not pipe.drain()


def test_events_of_a_module_that_came_again_are_seen(pipe: Pipe) -> None:
    for name in EVENTS:
        modules.unload(name)
        modules.load(name)
        enable(pipe.directory, name, True)
    pipe.clear()
    modules.assert_both_work()
    assert {event.name for event in pipe.drain()} >= {"dbr_alloc", "dbi_attach"}
