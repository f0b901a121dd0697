# SPDX-License-Identifier: GPL-2.0-only
"""The picture: it is XML, shows each span where it belongs, and nothing lies on anything else."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import svg
from .command import RECORDINGS, Event, named, record, watch

NAMES = sorted(path.stem for path in RECORDINGS.iterdir())


def draw(compiled: Path, path: Path, recording: Path, *options: str) -> svg.Drawing:
    watch(compiled, recording, "--svg", str(path), *options)
    return svg.read(path)


@pytest.mark.parametrize("options", [[], ["--whole"]])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_overlaps_or_is_outside(
    compiled: Path, tmp_path: Path, name: str, options: list[str]
) -> None:
    drawing = draw(compiled, tmp_path / "p.svg", named(name), *options)
    assert len(drawing.rows) > 3 and sum(len(row.boxes) for row in drawing.rows) > 15
    assert svg.faults(drawing) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_needs_nothing_else(compiled: Path, tmp_path: Path, name: str) -> None:
    draw(compiled, tmp_path / "p.svg", named(name))
    text = (tmp_path / "p.svg").read_text()
    assert not re.search(r"<script|href|url\(|\bon[a-z]+=|<!ENTITY|<image", text)
    assert "prefers-color-scheme: dark" in text


DEMO_ROWS = [
    "exporter dmabuf-revoke-exporter",
    "resv lock",
    "not attached",
    "importer 1: dmabuf-revoke-importer.1",
    "importer 2: dmabuf-revoke-importer.2",
    "importer 3: dmabuf-revoke-importer.3",
    "fences 1: dmabuf-revoke-importer dynamic",
    "fences 2: dmabuf-revoke-importer dynamic",
    "fences 3: dmabuf-revoke-importer pinned",
    "CPU",
]

#: Row, class and from when to when, in ms since the invalidation; None: the edge of the plot.
DEMO_SPANS = [
    ("exporter", "invalidate", 0, 10.313),
    ("exporter", "wait", 10.49, 27.59),
    ("resv lock", "held", -0.03, 10.32),
    ("importer 1", "told", 9.474, 10.229),
    ("importer 1", "mapped", None, 10.146),
    ("importer 2", "told", 9.391, 9.468),
    ("importer 2", "mapped", None, 27.994),
    ("importer 3", "told", 0.437, 9.37),
    ("importer 3", "pinned", None, 9.283),
    ("fences 2", "fence", None, 27.559),
]


def test_spans_are_where_the_axis_says(compiled: Path, tmp_path: Path) -> None:
    drawing = draw(compiled, tmp_path / "p.svg", named("demo"))
    assert [row.label for row in drawing.rows] == DEMO_ROWS
    (plot,) = drawing.plots
    for label, kind, begin, end in DEMO_SPANS:
        (row,) = [row for row in drawing.rows if row.label.startswith(label)]
        (span,) = row.spans(kind)
        left = plot[0] if begin is None else drawing.x_of(begin)
        assert abs(span.left - left) < 0.6, (label, kind)
        assert abs(span.right - max(drawing.x_of(end), left + 1.5)) < 0.6, (label, kind)
    (not_attached,) = [row for row in drawing.rows if row.label == "not attached"]
    signs = [box.text for box in not_attached.boxes if box.kind == "sign"]
    assert len(signs) == 1 and "attach: ENODEV by demo/127" in signs[0]


def test_what_happened_is_told(compiled: Path, tmp_path: Path) -> None:
    drawing = draw(compiled, tmp_path / "p.svg", named("vfio"))
    texts = [box.text for row in drawing.rows for box in row.boxes]
    assert "302.9 ms, vfio/138" in texts and "121.4 ms, vfio/143" in texts
    assert "not at this time: dynamic; map: EINVAL" in texts
    (wait,) = drawing.rows[0].spans("locked")
    assert wait.text == (
        "fence wait, bookkeep, with the resv lock held by vfio/138\n"
        "+300.000 us … +303.200 ms, 302.9 ms"
    )
    drawing = draw(compiled, tmp_path / "p.svg", named("misbehaving"))
    everything = "".join(drawing.root.itertext())
    assert "LOST: 12 events in 1 gap" in everything
    assert "of importer 4?" in everything and "(a guess)" in everything
    assert "; ended by detach" in everything and "; its end was not seen" in everything


def test_zero_and_ticks(compiled: Path, tmp_path: Path) -> None:
    drawing = draw(compiled, tmp_path / "p.svg", named("demo"))
    assert list(drawing.ticks)[:3] == ["0", "5 ms", "10 ms"]
    (zero,) = drawing.root.findall(f"{svg.SPACE}line[@class='zero']")
    assert float(zero.get("x1", 0)) == drawing.ticks["0"]


def test_names_are_escaped(compiled: Path, tmp_path: Path) -> None:
    name = "<script>&\"'\x01\x1b]]>\U0001f600"
    where = {"buffer": 1, "attach": 1, "device": name, "name": name, "comm": "<&>\x07"}
    events: list[Event] = [
        {"what": "export", "time_ns": 1, **where},
        {"what": "attach", "time_ns": 2, **where},
        {"what": "told", "time_ns": 90, "begin_ns": 10, **where},
        {"what": "state", "time_ns": 50, **where},
        {"what": "mark", "time_ns": 60, **where},
        {"what": "fence_add", "time_ns": 3, "context": 1, "seqno": 1, **where},
        {"what": "map", "time_ns": 70, "result": -5, **where},
    ]
    drawing = draw(compiled, tmp_path / "p.svg", record(tmp_path / "r", *events))
    assert svg.faults(drawing) == []
    shown = "<script>&\"'\ufffd\ufffd]]>\U0001f600"
    assert f"importer 1: {shown}" in [row.label for row in drawing.rows]
    assert not list(drawing.root.iter(f"{svg.SPACE}script"))


def test_many_at_one_place_are_one(compiled: Path, tmp_path: Path) -> None:
    """Thousands of spans and signs, closer than pixels."""
    events: list[Event] = []
    for i in range(3000):
        at = {"time_ns": 1000 + 10 * i, "buffer": 1, "attach": 1}
        events.append({"what": "map" if i % 2 else "unmap", **at})
        events.append({"what": "pin", "result": -16, **at})
        events.append({"what": "lock", "begin_ns": 990 + 10 * i, **at})
    drawing = draw(compiled, tmp_path / "p.svg", record(tmp_path / "r", *events))
    assert svg.faults(drawing) == []
    boxes = [box for row in drawing.rows for box in row.boxes]
    assert 100 < len(boxes) < 3000
    assert any(re.search(r"and \d+ more, too short", box.text) for box in boxes)
    assert any(re.search(r"and \d+ more$", box.text) for box in boxes)


@pytest.mark.parametrize(
    "old, new",
    [
        # wider than up to the next one; beyond the plot; a caption elsewhere
        (r'(class="span state" x="340.00" [^>]* width=")[\d.]+', r"\g<1>300"),
        (r'(class="span invalidate" x=")[\d.]+', r"\g<1>1200"),
        (r'(class="in" x=")[\d.]+("[^>]*>10.3 ms<)', r"\g<1>620\2"),
        (r'(class="beside on" x=")[\d.]+', r"\g<1>1250"),
        (r'(class="title" x=")16', r"\g<1>1100"),
    ],
)
def test_control_what_lies_wrong_is_noticed(
    compiled: Path, tmp_path: Path, old: str, new: str
) -> None:
    draw(compiled, tmp_path / "p.svg", named("demo"))
    text = (tmp_path / "p.svg").read_text()
    changed, count = re.subn(old, new, text, count=1)
    assert count == 1
    (tmp_path / "p.svg").write_text(changed)
    assert svg.faults(svg.read(tmp_path / "p.svg"))
