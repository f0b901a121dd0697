# SPDX-License-Identifier: GPL-2.0-only
"""Which CPUs the kernel has."""
from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

CPUS = Path("/sys/devices/system/cpu")


@contextmanager
def only_one() -> Iterator[None]:
    """Where the kernel's text is patched, and that is dangerous: by tracers, by static keys.

    QEMU, with several CPUs, dies of it now and then: it goes on with what it has translated, or
    with half of the new instruction (Oops: int3). With one CPU nobody else runs meanwhile. A newer
    one is no cure: a loop that switches events on and off had a 7.3 live for 11, 16 and 18 s with
    7.2.22, and for 292 s with 10.0.
    """
    emulated = "QEMU TCG CPU" in Path("/proc/cpuinfo").read_text(encoding="ascii")
    others = sorted(CPUS.glob("cpu[0-9]*/online")) if emulated else []
    for cpu in others:
        cpu.write_text("0", encoding="ascii")
    try:
        yield
    finally:
        for cpu in others:
            cpu.write_text("1", encoding="ascii")
