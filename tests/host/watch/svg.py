# SPDX-License-Identifier: GPL-2.0-only
"""An SVG of watch as rectangles, signs and texts, and what is wrong with where they are."""
from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

SPACE = "{http://www.w3.org/2000/svg}"
#: Of a monospaced font: this part of its height.
ADVANCE = 0.602
#: What rounding to hundredths may do.
SLACK = 0.03


@dataclass
class Box:
    """Something drawn in a row."""

    kind: str  # span, sign, text
    classes: set[str]
    text: str
    left: float
    right: float
    middle: float


@dataclass
class Row:
    label: str
    boxes: list[Box] = field(default_factory=list)

    def spans(self, kind: str) -> list[Box]:
        return [b for b in self.boxes if b.kind == "span" and kind in b.classes]


@dataclass
class Drawing:
    root: ElementTree.Element
    rows: list[Row]
    ticks: dict[str, float]  # of the first panel
    plots: list[tuple[float, float, float, float]]

    def x_of(self, ms: float) -> float:
        """Where a time is, by the axis alone."""
        zero, (name, one) = self.ticks["0"], list(self.ticks.items())[-1]
        unit = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}[name.split()[1]]
        return zero + ms * (one - zero) / (float(name.split()[0]) * unit)


def title_of(element: ElementTree.Element) -> str:
    return element.findtext(f"{SPACE}title") or ""


def box_of(element: ElementTree.Element) -> Box | None:
    classes = set(element.get("class", "").split())
    kind = element.tag.removeprefix(SPACE)
    if kind == "rect":
        left, width = float(element.get("x", 0)), float(element.get("width", 0))
        middle = float(element.get("y", 0)) + float(element.get("height", 0)) / 2
        return Box("span", classes, title_of(element), left, left + width, middle)
    if kind == "path":
        place = re.match(r"M([\d.]+),([\d.]+)m", element.get("d", ""))
        assert place
        x, y = float(place[1]), float(place[2])
        return Box("sign", classes, title_of(element), x - 4.5, x + 4.5, y)
    if kind == "text":
        return text_box(element, classes)
    return None


def text_box(element: ElementTree.Element, classes: set[str]) -> Box:
    text = element.text or ""
    width = len(text) * 10 * ADVANCE * (1.1 if "label" in classes else 1)
    x, y = float(element.get("x", 0)), float(element.get("y", 0))
    anchor = element.get("text-anchor", "start")
    left = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
    # So far above the line that it stands on is its middle.
    middle = y - (4 if "label" in classes else 3.5)
    return Box("text", classes, text, left, left + width, middle)


def read(path: Path) -> Drawing:
    root = ElementTree.parse(path).getroot()
    rows = []
    for group in root.iter(f"{SPACE}g"):
        if group.get("class") != "row":
            continue
        boxes = [box for element in group if (box := box_of(element))]
        label = group.find(f"{SPACE}text[@class='label']")
        assert label is not None
        rows.append(Row(title_of(label).splitlines()[0], boxes))
    ticks: dict[str, float] = {}
    for tick in root.iter(f"{SPACE}text"):
        if tick.get("class") == "tick" and tick.get("text-anchor") == "middle":
            ticks.setdefault(tick.text or "", float(tick.get("x", 0)))
    plots = [
        (x, y, x + float(plot.get("width", 0)), y + float(plot.get("height", 0)))
        for plot in root.findall(f"{SPACE}rect[@class='plot']")
        for x, y in [(float(plot.get("x", 0)), float(plot.get("y", 0)))]
    ]
    return Drawing(root, rows, ticks, plots)


def overlaps(row: Row) -> list[str]:
    """Of what lies on one lane, but for a caption in its span."""
    wrong = []
    boxes = sorted(row.boxes, key=lambda box: (round(box.middle), box.left))
    for one, other in zip(boxes, boxes[1:]):
        if round(one.middle) != round(other.middle):
            continue
        if "in" in other.classes:
            inside = one.kind == "span" and other.right <= one.right + SLACK
            wrong += [] if inside else [f"{row.label}: {other.text} is not in its span"]
        elif "in" in one.classes:
            continue
        elif other.left < one.right - SLACK:
            wrong.append(f"{row.label}: {one} and {other}")
    spans = [box for box in boxes if box.kind == "span"]
    for one, other in zip(spans, spans[1:]):
        if one.middle == other.middle and other.left < one.right - SLACK:
            wrong.append(f"{row.label}: {one} and {other}")
    return wrong


def faults(drawing: Drawing) -> list[str]:
    """What lies on something else, or outside of its plot or the page."""
    width = float(drawing.root.get("width", 0))
    height = float(drawing.root.get("height", 0))
    wrong = []
    for row in drawing.rows:
        wrong += overlaps(row)
        for box in row.boxes:
            plot = [p for p in drawing.plots if p[1] <= box.middle <= p[3]]
            beside = box.classes & {"label", "lane"} and "on" not in box.classes
            left = 0 if beside else plot[0][0] if plot else width
            right = width if not plot else plot[0][0] if beside else plot[0][2]
            if not plot or box.left < left - SLACK or box.right > right + SLACK:
                wrong.append(f"{row.label}: {box} is outside")
    for element in drawing.root.findall(f"{SPACE}text"):
        box = text_box(element, set(element.get("class", "").split()))
        if box.left < 0 or box.right > width or not 0 < box.middle < height:
            wrong.append(f"{box.text} is not on the page")
    return wrong
