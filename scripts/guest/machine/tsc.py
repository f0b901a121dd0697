# SPDX-License-Identifier: GPL-2.0-only
"""The rate of the host's time stamp counter, which emulated guests read as their own.

A guest calibrates it against emulated timers. On a busy host these are late, and the guest's
clock may then run several times too fast or too slow; told the rate, it does not calibrate.
"""
from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import threading
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
_RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3".replace(" ", ""))
_SECONDS = 0.05
_LOCK = threading.Lock()


def _measure() -> int:
    code = mmap.mmap(
        -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    )
    code.write(_RDTSC)
    function = ctypes.CFUNCTYPE(ctypes.c_uint64)
    read = function(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def pair() -> tuple[int, int]:
        """Both clocks at one moment: the closest of a few tries."""
        tries = []
        for _ in range(20):
            before = time.monotonic_ns()
            ticks = read()
            after = time.monotonic_ns()
            tries.append((after - before, (before + after) // 2, ticks))
        _, when, ticks = min(tries)
        return when, ticks

    begin, first = pair()
    time.sleep(_SECONDS)
    end, last = pair()
    return round((last - first) * 1e6 / (end - begin))


@functools.cache
def measured() -> int:
    """As khz(), for one thread."""
    if platform.machine() != "x86_64":
        return 0
    try:
        return _measure()
    except OSError:
        return 0  # no executable memory


def khz() -> int:
    """Kilohertz, the same for all guests; 0 where it cannot be told."""
    # Of several threads that ask at once each would measure, and one be remembered.
    with _LOCK:
        return measured()
