# SPDX-License-Identifier: GPL-2.0-only
"""The detectors of a debug kernel: how they are made to report everything, and what they say.

Each of them can fall silent without a word: lockdep turns itself off with its first report,
and with KASAN's; the DMA-API checks print only their first error; kmemleak passes over what
is younger than five seconds. So they are asked at the end of the session (test_detectors.py),
and tests/gates/provoke proves once per kernel that each of them notices what it is for.
"""
from __future__ import annotations

import os
import re
import time
from pathlib import Path

DMA_API = Path("/sys/kernel/debug/dma-api")
KMEMLEAK = Path("/sys/kernel/debug/kmemleak")
LOCKDEP = Path("/proc/lockdep_stats")
LOCK_ORDER = Path("/proc/lockdep")
TIMERS = Path("/proc/timer_list")

#: Seconds until kmemleak reports an object (MSECS_MIN_AGE in mm/kmemleak.c), and a bit.
LEAK_AGE = 5.5

_REPORT = re.compile(r"(?m)^(?=unreferenced object)")
_BORN = re.compile(r", jiffies (\d+)")

#: In jiffies; what was allocated before is not ours.
_started = 0


def start() -> None:
    """Make them report everything from now on, and nothing that was before."""
    global _started
    if DMA_API.exists():
        (DMA_API / "all_errors").write_text("1\n", encoding="ascii")
    if KMEMLEAK.exists():
        _started = _jiffies()


def _jiffies() -> int:
    found = re.search(r"(?m)^jiffies: (\d+)", TIMERS.read_text(encoding="ascii"))
    return int(found[1]) if found else 0


def dma_api_errors() -> int:
    """How often a driver has misused the DMA API; 0 without that detector."""
    if not DMA_API.exists():
        return 0
    return int((DMA_API / "error_count").read_text(encoding="ascii"))


def dma_api_is_on() -> bool:
    """It gives up when it runs out of memory."""
    return (DMA_API / "disabled").read_text(encoding="ascii").strip() == "N"


def lockdep_is_on() -> bool:
    """Whether there has been no report yet, neither its own nor KASAN's."""
    found = re.search(r"debug_locks:\s+(\d)", LOCKDEP.read_text(encoding="ascii"))
    return bool(found and found[1] == "1")


def _scan() -> None:
    KMEMLEAK.write_text("scan\n", encoding="ascii")


def younger(text: str, start: int) -> list[str]:
    """The reports, in what kmemleak says, of objects allocated at ``start`` or later."""
    return [
        part
        for part in _REPORT.split(text)
        if part.startswith("unreferenced")
        and not ((born := _BORN.search(part)) and int(born[1]) < start)
    ]


def leaks() -> list[str]:
    """What kmemleak found since ``start``, a report each. Takes more than five seconds."""
    # Age has no event. The first scan may see stale pointers on stacks and in registers, and
    # an object counts only when its contents did not change between two.
    time.sleep(LEAK_AGE)
    _scan()
    _scan()
    text = KMEMLEAK.read_text(encoding="ascii", errors="replace")
    return younger(text, _started)


def _name(line: str) -> str:
    """The class in a line of /proc/lockdep, without subclass and addresses."""
    return line.rpartition(": ")[2].rpartition("] ")[2].strip()


def lock_order() -> set[tuple[str, str]]:
    """The pairs (outer, inner) that lockdep knows: direct ones and those it derived."""
    pairs = set()
    outer = ""
    for line in LOCK_ORDER.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(" ->"):
            pairs.add((outer, _name(line)))
        elif line.strip():
            outer = _name(line)
    return pairs


def supported(detector: Path) -> str:
    """Empty if this kernel has it, else the reason for a skip."""
    if os.access(detector, os.R_OK):
        return ""
    return f"this kernel has no {detector}: make check-debug runs one that has"
