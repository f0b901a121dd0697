# SPDX-License-Identifier: GPL-2.0-only
"""The log gate: a kernel warning during a test is a failure, whatever the test said."""
from __future__ import annotations

import errno
import os
import re
from typing import NamedTuple

KMSG = "/dev/kmsg"
TAINTED = "/proc/sys/kernel/tainted"

#: What the kernel prints when it has found something wrong. The judge knows the same
#: (tests/host/judge/test_log.py).
BAD = [
    re.compile(pattern)
    for pattern in (
        r"\bWARNING\b",
        r"\bBUG\b",
        r"\bOops\b|Internal error:",
        r"general protection fault",
        r"[Uu]nable to handle|kernel NULL pointer dereference",
        r"Kernel panic",
        r"Call [Tt]race:",
        r"rcu.*(?:stall|self-detected)",
        r"suspicious RCU usage",
        r"blocked for more than \d+ seconds",
        r"soft lockup|hard LOCKUP",
        r"possible (?:circular|recursive|irq lock inversion)",
        r"inconsistent lock state|bad unlock balance|held lock freed|lock held when",
        r"\b(?:KASAN|KCSAN|KMSAN|KFENCE|UBSAN)\b",
        r"kmemleak: \d+ new",
        r"refcount_t:",
        r"sleeping function called from invalid context",
        r"scheduling while atomic",
        r"DMA-API:.*(?:device driver|mapping sg segment|leak|overlap|exceed|not)",
        # An IOMMU has stopped a device that went on after an unmap.
        r"DMAR: (?:\[DMA .*fault addr|ERROR: DMA PTE)|IO_PAGE_FAULT|arm-smmu.*(?:: event|context fault)",
        r"virtio_iommu.*fault from EP",
        r"list_(?:add|del) corruption",
        r"Poison overwritten|Redzone|Bad page state|Object already free",
        r"ODEBUG:",
        r"page_counter underflow",
        # Of the exporter. Not a WARNING: a misbehaviour does so on demand.
        r"unpinned without a pin",
    )
]


class Allowed(NamedTuple):
    """A line that looks bad, and why it is not."""

    pattern: re.Pattern[str]
    reason: str


ALLOWED = (
    Allowed(
        re.compile(r"WARNING: control of the log gate"),
        "written by test_red.py, which looks at it through a gate of its own",
    ),
)

#: Bits of /proc/sys/kernel/tainted that stand for damage (tainted-kernels.rst). Not that of a
#: soft lockup, 14: whoever opens sw_sync sets it, too. A lockup is told by its message.
TAINT_BITS = {5: "bad page", 7: "died", 9: "warned"}


def judge(lines: list[str], allowed: tuple[Allowed, ...] = ALLOWED) -> list[str]:
    """Those of the lines that are a failure."""
    return [
        line
        for line in lines
        if any(bad.search(line) for bad in BAD)
        and not any(entry.pattern.search(line) for entry in allowed)
    ]


def text_of(record: bytes) -> str:
    """The message of a record of /dev/kmsg: "prio,seq,time,flags;message\\n key=value"."""
    return record.decode(errors="replace").partition(";")[2].partition("\n")[0]


def read_records(fd: int) -> tuple[list[str], bool]:
    """All messages from the position of ``fd`` on, and whether some were overwritten."""
    lines: list[str] = []
    lost = False
    while True:
        try:
            lines.append(text_of(os.read(fd, 8192)))
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return lines, lost
            if error.errno != errno.EPIPE:
                raise
            lost = True


def taint() -> int:
    """The taint bits that stand for damage."""
    with open(TAINTED, encoding="ascii") as file:
        bits = int(file.read())
    return bits & sum(1 << bit for bit in TAINT_BITS)


class LogGate:
    """Reads what the kernel logs between ``begin`` and ``end``.

    A record is in the log when printk() returns, so there is nothing to wait for. Marks at
    both ends tell in dmesg which test a message belongs to, and prove that the gate sees.
    """

    def __init__(self, allowed: tuple[Allowed, ...] = ALLOWED) -> None:
        self._allowed = allowed
        self._fd = -1
        self._taint = 0
        self._mark = ""

    def begin(self, name: str) -> None:
        """Start to look. OSError if the log cannot be read: the suite needs root."""
        self._taint = taint()
        # A file of its own for each test: writes are limited to 10 in 5 s per file.
        self._fd = os.open(KMSG, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._fd, 0, os.SEEK_END)
        self._mark = f"dmabuf-revoke test {name}"[:500]
        self._write(f"{self._mark}: begin")

    def _write(self, line: str) -> None:
        os.write(self._fd, f"<6>{line}\n".encode())

    def end(self) -> list[str]:
        """What was wrong since ``begin``; nothing, if all is well."""
        self._write(f"{self._mark}: end")
        try:
            lines, lost = read_records(self._fd)
        finally:
            os.close(self._fd)
        # A mark holds the name of the test, whatever that contains.
        marks = [line for line in lines if line.startswith(self._mark)]
        wrong = judge([line for line in lines if line not in marks], self._allowed)
        if lost:
            wrong.append("messages were overwritten before they could be read")
        elif len(marks) != 2:
            wrong.append("the log gate did not find its own marks: it is blind")
        # A warning that was let through taints as any other.
        let = [line for line in lines if "WARNING:" in line and line not in set(wrong)]
        new = taint() & ~self._taint & ~(1 << 9 if let else 0)
        wrong += [
            f"the kernel is tainted: {TAINT_BITS[bit]}"
            for bit in TAINT_BITS
            if new & 1 << bit
        ]
        return wrong
