# SPDX-License-Identifier: GPL-2.0-only
"""docs/modules/events.md, tests/interface/events/fields.py and both trace.h have the same events and fields."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.interface.events.fields import EVENTS, EXPORTER, FIELDS, IMPORTER

from ..sample import REPOSITORY

PAGE = (REPOSITORY / "docs/modules/events.md").read_text(encoding="utf-8")
SOURCES = {
    EXPORTER: REPOSITORY / "exporter" / "trace.h",
    IMPORTER: REPOSITORY / "importer" / "trace.h",
}
#: What all events of a module have, and their rows leave out.
COMMON = {EXPORTER: {"id", "ino"}, IMPORTER: {"ino", "attach", "dev_name"}}

_DEFINED = re.compile(
    r"^(DECLARE_EVENT_CLASS|TRACE_EVENT(?:_CONDITION)?)\((\w+),(.*?)^\);", re.M | re.S
)
_OF_CLASS = re.compile(r"^DEFINE_EVENT\((\w+), (\w+),", re.M)
_FIELD = re.compile(r"__field\(([^,]+?), (\w+)\)|__string\((\w+),")

Fields = dict[str, str]


def defined(text: str) -> dict[str, Fields]:
    """The events of a trace.h, each with its fields and their types."""
    bodies = {
        name: {
            field or string: kind or "string"
            for kind, field, string in _FIELD.findall(body)
        }
        for _, name, body in _DEFINED.findall(text)
    }
    events = {
        name: bodies[name]
        for kind, name, _ in _DEFINED.findall(text)
        if kind.startswith("TRACE_EVENT")
    }
    return {
        **events,
        **{name: bodies[of] for of, name in _OF_CLASS.findall(text)},
    }


def rows(page: str, columns: int) -> dict[str, list[str]]:
    """Of the tables with so many columns whose first one is a quoted name."""
    found: dict[str, list[str]] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" |")]
        match = re.fullmatch(r"\|? *`(\w+)`", cells[0])
        if match and len(cells) == columns:
            assert match[1] not in found, f"{match[1]} has two rows"
            found[match[1]] = cells
    return found


@pytest.mark.parametrize("system", EVENTS)
def test_sources_have_these_events_and_fields(system: str) -> None:
    found = defined(SOURCES[system].read_text(encoding="utf-8"))
    assert {name: set(fields) for name, fields in found.items()} == {
        name: set(fields) for name, fields in EVENTS[system].items()
    }
    for fields in found.values():
        assert fields == {name: FIELDS[name] for name in fields}


@pytest.mark.parametrize("system", EVENTS)
def test_each_event_has_its_row(system: str) -> None:
    events = {
        name: {*re.findall(r"`(\w+)`", cells[3]), *COMMON[system]}
        for name, cells in rows(PAGE, 4).items()
        if name[:3] == next(iter(EVENTS[system]))[:3]
    }
    assert events == {name: set(fields) for name, fields in EVENTS[system].items()}


def test_each_field_has_its_row() -> None:
    fields = rows(PAGE, 3)
    assert {
        name: cells[1] for name, cells in fields.items() if name in FIELDS
    } == FIELDS


def test_no_field_is_there_for_nothing() -> None:
    used = {field for events in EVENTS.values() for f in events.values() for field in f}
    assert used == FIELDS.keys()


def test_each_event_is_looked_for() -> None:
    folder = REPOSITORY / "tests" / "interface" / "events"
    text = "".join(path.read_text() for path in Path(folder).glob("test_*.py"))
    events = {event for events in EVENTS.values() for event in events}
    assert {event for event in events if f'"{event}"' not in text} == set()


SAMPLE = """
DECLARE_EVENT_CLASS(dbr_class,
	TP_STRUCT__entry(
		__field(u64, id)
		__string(call, call)
	),
);

DEFINE_EVENT(dbr_class, dbr_one,
	TP_PROTO(int x)
);

TRACE_EVENT_CONDITION(dbr_two,
	TP_STRUCT__entry(
		__field(struct sg_table *, table)
	),
);
"""


def test_control_definitions_are_found() -> None:
    assert defined(SAMPLE) == {
        "dbr_one": {"id": "u64", "call": "string"},
        "dbr_two": {"table": "struct sg_table *"},
    }


def test_control_rows_are_found() -> None:
    page = "| event | when |\n|---|---|\n| `one` | `no` |\n| two | x |\n| `a` | b | c |"
    assert list(rows(page, 2)) == ["one"]
    with pytest.raises(AssertionError):
        rows(page + "\n| `one` | again |", 2)
