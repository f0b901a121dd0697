# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of a run of the bench, drawn by gnuplot."""
from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .. import process
from ..errors import RunnerError
from .figures import Run

_EXPORTERS = ("ours", "system heap", "udmabuf", "vgem")


@dataclass(frozen=True)
class Picture:
    """One diagram: of a group and a parameter, a line for each pair of figure and contender."""

    name: str
    title: str
    group: str
    parameter: str
    lines: tuple[tuple[str, str], ...]


def _exporters(group: str, figure: str) -> Picture:
    lines = tuple((figure, name) for name in _EXPORTERS)
    return Picture(group, figure, group, "bytes", lines)


def _revoke(parameter: str, title: str, *figures: str) -> Picture:
    lines = tuple((figure, "ours") for figure in figures)
    return Picture(f"revoke-{parameter}", title, "revoke", parameter, lines)


PICTURES = [
    _exporters("alloc", "allocate + free"),
    _exporters("attach", "attach + map + unmap + detach"),
    _exporters("mmap", "mmap + touch + munmap"),
    _revoke(
        "attachments",
        "Revoke of 64 KiB, by phase",
        *("revoke", "tell", "give back", "unmap by hand"),
    ),
    _revoke(
        "bytes",
        "Revoke with one importer, by phase",
        *("revoke", "tell", "give back"),
    ),
    _revoke("pages", "Taking down CPU mappings", "zap", "munmap"),
]

_UNITS = {"instructions": "instructions", "real": "ns", "emulated": "ns (emulated)"}


def script(run: Run, picture: Picture, target: Path) -> str:
    """gnuplot's input; empty if the run has nothing to draw: a point is no line."""
    chosen = run.over(picture.parameter)
    lines = {
        pair: chosen.at(picture.group, *pair)
        for pair in picture.lines
        if len(chosen.at(picture.group, *pair)) > 1
    }
    if not lines:
        return ""
    unit = _UNITS[run.machine["time"]]
    text = [
        "set terminal svg size 720,480 dynamic background 'white' font 'sans,13'",
        f"set output '{target}'",
        f"set title '{picture.title}, Linux {run.machine['kernel']}' noenhanced",
        f"set xlabel '{picture.parameter}'",
        f"set ylabel '{unit}'",
        "set logscale x 2" if picture.parameter == "bytes" else "set logscale x 10",
        "set logscale y 10",
        "set format x '%.0b %BB'" if picture.parameter == "bytes" else "",
        "set grid",
        "set key left top",
    ]
    for number, times in enumerate(lines.values()):
        rows = [f"{value} {max(ns, 1)}" for value, ns in sorted(times.items())]
        text += [f"$line{number} << END", *rows, "END"]
    several = len({figure for figure, _ in lines}) > 1
    plots = [
        f"$line{n} with linespoints linewidth 2 title '{figure if several else who}'"
        for n, (figure, who) in enumerate(lines)
    ]
    return "\n".join([*text, "plot " + ", ".join(plots)]) + "\n"


def draw(run: Run, directory: Path) -> list[Path]:
    """Draw what there is to draw. RunnerError if gnuplot fails or is missing."""
    process.require("gnuplot")
    drawn = []
    for picture in PICTURES:
        target = directory / f"{picture.name}.svg"
        text = script(run, picture, target)
        if not text:
            continue
        done = subprocess.run(["gnuplot"], input=text, capture_output=True, text=True)
        if done.returncode:
            raise RunnerError(f"gnuplot: {done.stderr.strip()}")
        drawn.append(target)
    return drawn
