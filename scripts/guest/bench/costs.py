# SPDX-License-Identifier: GPL-2.0-only
"""What the bench's short form costs in instructions, and what it cost when that was kept.

Of our buffers: what others cost depends on the pages that the kernel happens to give them, by up
to a tenth.
"""
from __future__ import annotations

from pathlib import Path

from ..kernels import Kernel
from ..output.console import result
from ..settings import Settings
from . import figures, guests

#: Of the exporter, as in dmabuf_revoke.h: it blocks in map, and tells everybody twice.
SLOW_MAP, TELL_TWICE = 1 << 8, 1 << 4
SLOWED = ("attach", "revoke")
RUNS = {
    "now": ("--short",),
    "slowed": ("--short", "--faults", str(SLOW_MAP | TELL_TWICE), *SLOWED),
}
_MEMORY = "2G"


def kept_at(source: Path) -> Path:
    """Where the figures are kept."""
    return source / "tests/host/bench/costs.json"


def ours(text: bytes) -> figures.Run:
    """What is compared of what bench prints."""
    return figures.read(text).of("ours")


def measure(kernel: Kernel, settings: Settings) -> dict[str, bytes]:
    """The figures, and for a control those with deliberate bugs, by one boot."""
    return guests.measure(kernel, settings, RUNS, icount=True, memory=_MEMORY)


def keep(kernel: Kernel, settings: Settings) -> int:
    """Let those of now be the ones that others are compared with; say what changed."""
    path = kept_at(settings.source)
    text = measure(kernel, settings)["now"]
    run = ours(text)
    if path.exists():
        kept = ours(path.read_bytes())
        for compare in (figures.differences, figures.unmatched, figures.grown):
            for line in compare(kept, run):
                result(line)
    path.write_bytes(text)
    result(f"{path}: {len(run.figures)} figures of Linux {run.machine['kernel']}")
    return 0
