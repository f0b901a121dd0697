# SPDX-License-Identifier: GPL-2.0-only
"""What tracefs says of the events is what docs/modules/events.md promises."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from .fields import EVENTS, FIELDS
from .instance import TRACEFS

PAIRS = [(system, event) for system, events in EVENTS.items() for event in events]
#: Events are folders; beside them lie enable and filter.
_FIELD = re.compile(r"^\tfield:(.+?) ?(\w+);\toffset:(\d+);\tsize:(\d+);", re.MULTILINE)
SIZES = {"u64": 8, "u32": 4, "int": 4, "bool": 1, "string": 4}


def folder(system: str) -> Path:
    path = TRACEFS / "events" / system
    if not (TRACEFS / "events").is_dir():
        pytest.skip(f"no tracefs: mount -t tracefs tracefs {TRACEFS}")
    assert path.is_dir(), f"{system} has no events: a kernel without them?"
    return path


@pytest.mark.parametrize("system", EVENTS)
def test_there_are_these_events_and_no_others(system: str) -> None:
    found = {path.name for path in folder(system).iterdir() if path.is_dir()}
    assert found == set(EVENTS[system])


def described(text: str) -> dict[str, str]:
    """The fields of a format file, with their types."""
    return {
        name: "string" if kind == "__data_loc char[]" else kind.replace(" *", " *")
        for kind, name, _, _ in _FIELD.findall(text)
        if not name.startswith("common_")
    }


@pytest.mark.parametrize("system, event", PAIRS, ids=[event for _, event in PAIRS])
def test_fields_are_those(system: str, event: str) -> None:
    text = (folder(system) / event / "format").read_text(encoding="ascii")
    assert described(text) == {name: FIELDS[name] for name in EVENTS[system][event]}


@pytest.mark.parametrize("system, event", PAIRS, ids=[event for _, event in PAIRS])
def test_each_field_is_aligned_and_printed(system: str, event: str) -> None:
    text = (folder(system) / event / "format").read_text(encoding="ascii")
    printed = text.partition("print fmt:")[2]
    for kind, name, offset, size in _FIELD.findall(text):
        assert int(offset) % int(size) == 0, name
        if not name.startswith("common_"):
            assert f"{name}=%" in printed
            assert f"REC->{name}" in printed or f"__get_str({name})" in printed


def test_control_another_name_or_type_is_noticed() -> None:
    text = "\tfield:u64 id;\toffset:8;\tsize:8;\tsigned:0;\n"
    assert described(text) == {"id": "u64"}
    assert described(text.replace(" id", " ident")) != {"id": "u64"}
    assert described(text.replace("u64", "u32")) != {"id": "u64"}
    string = "\tfield:__data_loc char[] call;\toffset:16;\tsize:4;\tsigned:0;\n"
    assert described(string) == {"call": "string"}
