# SPDX-License-Identifier: GPL-2.0-only
"""Reading a lost guest's console: why it was lost, and the part worth showing."""
from __future__ import annotations

import re

_STAMP = re.compile(r"\[ *\d+\.\d+\] ?")
# By the kernel itself, not in the midst of what a test has logged.
_PANIC = re.compile(
    r"(?m)^(?:\[ *\d+\.\d+\](?:\[ *\w+\])? )?Kernel panic - not syncing: ([^\r\n]*)"
)
_TRACE = re.compile(
    r"BUG:|Oops|WARNING:|Kernel panic|NMI|Call [Tt]race|blocked for more"
)
# Sections of the dump of all tasks begin and end with these.
_TASK = re.compile(r"task:\S.* pid:\d")
_KERNEL_THREAD = re.compile(r" p?pid:2 ")
_SCHEDULER = re.compile(r"Sched Debug Version")
_END = re.compile(r"NMI backtrace|Sending NMI|Kernel Offset|Showing|---\[|INFO:|BUG:")
_DETAIL = re.compile(
    r"(R[A-FS-Z]\w|R\d\d|CR\d|FS|CS|RSP|PKRU): ? ?[0-9a-f:]+|Code: "
    r"|(x\d+ ?|sp ?|pstate): ?[0-9a-f]+"
)
# Where a CPU was: of x86-64, and of arm64 by a trap and by an interrupt; and by qemu.
_AT = re.compile(r"\bRIP: 0010:(\S+)|\bpc : (\S+)|(\S+) \(P\)\s")
_REGISTERS = re.compile(r"CPU#(\d+)(?:\\[rn]|\s)+PC=([0-9a-f]+)")  # in JSON


def panic_reason(console: str) -> str:
    """What the first panic on the console says, or ""."""
    match = _PANIC.search(console)
    return match[1] if match else ""


def whereabouts(console: str, registers: str = "") -> str:
    """Where the CPUs were when the guest was made to show it, in few words.

    ``registers`` are qemu's, for a kernel that cannot be made to.
    """
    found = ["".join(each) for each in _AT.findall(console)]
    if found:
        return "at " + ", ".join(dict.fromkeys(found[:4]))
    if counters := _REGISTERS.findall(registers):
        return "at " + ", ".join(f"{pc} on CPU {number}" for number, pc in counters)
    lines = console.split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"its console ends with: {last[:80]}" if last else "its console is empty"


def _without_noise(lines: list[str]) -> list[str]:
    """Drop kernel threads' stacks, the scheduler's tables, registers, guesses."""
    kept: list[str] = []
    dropping = False
    for line in lines:
        text = _STAMP.sub("", line, count=1)
        if _TASK.match(text):
            dropping = bool(_KERNEL_THREAD.search(text))
        elif _SCHEDULER.match(text):
            dropping = True
        elif _END.match(text):
            dropping = False
        if not dropping and not _DETAIL.match(text):
            kept.append(line)
    return kept


def excerpt(console: str, most: int = 200) -> str:
    """The last lines of a lost guest, from its first backtrace on if it has one."""
    lines = console.replace("\r", "").splitlines()
    first = next((i for i, line in enumerate(lines) if _TRACE.search(line)), len(lines))
    lines = _without_noise(lines[max(0, min(first - 2, len(lines) - 40)) :])
    if len(lines) > most:
        half = most // 2
        left_out = f"... {len(lines) - 2 * half} lines ..."
        lines = [*lines[:half], left_out, *lines[-half:]]
    return "\n".join(lines)
