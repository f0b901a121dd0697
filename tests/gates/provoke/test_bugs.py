# SPDX-License-Identifier: GPL-2.0-only
"""A positive control for every detector of a debug kernel: one bug of each sort is provoked.

A detector that is off looks like a suite without bugs. `python3 scripts/guest provoke` runs
this in guests of its own, once per build of the kernel, since a provocation leaves a kernel
that is not to be trusted any more: with lockdep's first report, and with KASAN's, lockdep
turns itself off, and KASAN reports only once. BOOTS says what goes together, in which order.
"""
from __future__ import annotations

import os
import re
import select
import subprocess
import threading
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

from tests.gates import detectors
from tests.gates.around import Gates
from tests.gates.counts import PATIENCE
from tests.gates.kernel_log import KMSG, text_of
from tests.lib import ioctls

NODE = Path("/dev/dbr-provoke")
HUNG_TASK_SECONDS = Path("/proc/sys/kernel/hung_task_timeout_secs")
ACCEPT_LEGACY = 1


class Bug(NamedTuple):
    """A bug of dbr_provoke, and a line that a gate has to complain of."""

    name: str
    line: str


#: Per boot, in the order of provocation.
BOOTS = [
    [
        Bug("dma_wrong_size", "DMA-API: .*different size"),
        Bug("dma_wrong_direction", "DMA-API: .*different direction"),
        Bug("dma_twice", "DMA-API: .*not allocated"),
        Bug("dma_unchecked", "DMA-API: .*failed to check map error"),
        Bug("dma_two_errors", "the DMA API was misused 2 times"),
        Bug("dma_pending", "DMA-API: .*pending DMA allocations"),
        Bug("active_timer", "ODEBUG: free active.*timer"),
        Bug("active_work", "ODEBUG: free active.*work"),
        Bug("rcu_head_twice", "ODEBUG: activate active.*rcu_head"),
        Bug("shift", "UBSAN: shift-out-of-bounds"),
        Bug("array_bounds", "UBSAN: array-index-out-of-bounds"),
        Bug("bool_value", "UBSAN: invalid-load"),
        Bug("refcount", "refcount_t: "),
        Bug("warning", "WARNING: .*provoke/objects.c|WARNING: .*warning"),
        Bug("sleep_in_atomic", "sleeping function called from invalid context"),
        Bug("rcu_pointer", "suspicious RCU usage"),
        Bug("lock_inversion", "possible circular locking dependency"),
        Bug("slab_use_after_free", "KASAN: slab-use-after-free"),
    ],
    [
        Bug("resv_recursion", "possible recursive locking"),
        Bug("slab_out_of_bounds", "KASAN: slab-out-of-bounds"),
        Bug("list_twice", "list_del corruption"),
    ],
    [
        Bug("fence_lock", "possible circular locking dependency"),
        Bug("vmalloc_out_of_bounds", "KASAN: vmalloc-out-of-bounds"),
        Bug("sg_link_as_entry", "kernel BUG at .*scatterlist"),
    ],
    [
        Bug("fence_allocation", "possible circular locking dependency"),
        Bug("page_use_after_free", "KASAN: (?:slab-)?use-after-free"),
        Bug("bad_page", "BUG: Bad page state"),
    ],
]

#: Turn lockdep off by what they make it, or KASAN, report.
LAST = {"lock_inversion", "resv_recursion", "fence_lock", "fence_allocation"}

ITEMS = [
    pytest.param(bug, id=f"boot{number}-{bug.name}")
    for number, bugs in enumerate(BOOTS, 1)
    for bug in bugs
]


@pytest.fixture(autouse=True)
def module() -> Iterator[None]:
    """dbr_provoke, which is not taken out again: who provoked may hang in it."""
    subprocess.run(["modprobe", "dbr_provoke"], check=True)
    yield


def provoke(name: str, *fds: int) -> None:
    """By a process of its own, since some bugs kill who provokes them."""
    command = ["sh", "-c", f'echo "$*" >{NODE}', "provoke", name, *map(str, fds)]
    status = subprocess.run(command, pass_fds=fds, check=False).returncode
    assert status <= 0, f"{name}: refused"


def complaints(name: str, *fds: int, patience: float = 0.2) -> list[str]:
    """What the gates say of the provocation."""
    gates = Gates(f"provoke {name}")
    provoke(name, *fds)
    return gates.close(patience)


class Log:
    """What the kernel logs from now on."""

    def __init__(self) -> None:
        self._fd = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._fd, 0, os.SEEK_END)

    def says(self, pattern: str, seconds: float = 100) -> bool:
        """Whether a line matches before so much time has passed without any."""
        while select.select([self._fd], [], [], seconds)[0]:
            if re.search(pattern, text_of(os.read(self._fd, 8192))):
                return True
        return False


@pytest.mark.parametrize(
    "boot", range(1, len(BOOTS) + 1), ids=lambda number: f"boot{number}"
)
def test_begins_with_every_detector_on(boot: int) -> None:
    assert detectors.lockdep_is_on()
    assert detectors.dma_api_is_on()
    assert detectors.KMEMLEAK.exists()
    assert not complaints("nothing", patience=PATIENCE), "the control itself"


def test_boot1_small_leak() -> None:
    silent = not complaints("small_leak", patience=PATIENCE)
    assert silent, "nothing tells of it at once"
    (report,) = [text for text in detectors.leaks() if "dbr_provoke" in text]
    assert "size 16" in report


def test_boot1_hung_task() -> None:
    """It hangs until it is woken."""
    before = HUNG_TASK_SECONDS.read_text(encoding="ascii")
    log = Log()
    gates = Gates("provoke hung_task")
    thread = threading.Thread(target=provoke, args=["hung_task"])
    thread.start()
    HUNG_TASK_SECONDS.write_text("1\n", encoding="ascii")
    try:
        assert log.says("blocked for more than 1 seconds")
    finally:
        provoke("wake")
        thread.join()
        HUNG_TASK_SECONDS.write_text(before, encoding="ascii")
    assert any("blocked for more than" in line for line in gates.close())


@pytest.mark.parametrize("bug", ITEMS)
def test_gate_complains_of(bug: Bug) -> None:
    found = complaints(bug.name)
    assert any(re.search(bug.line, line) for line in found), found
    if bug.name in LAST:
        assert not detectors.lockdep_is_on()


def test_boot2_importer_sees_no_pages() -> None:
    """DMABUF_DEBUG: the table of a mapping has addresses only. Kills who looks."""
    exporter = ioctls.open_node(ioctls.EXPORTER)
    _, dmabuf = ioctls.alloc(exporter, ioctls.PAGE, ACCEPT_LEGACY)
    found = complaints("dmabuf_pages", dmabuf)
    assert any(re.search("Oops|general protection|BUG", line) for line in found)


def test_boot2_control_of_this_test() -> None:
    """A provocation that provokes nothing is noticed."""
    with pytest.raises(AssertionError):
        test_gate_complains_of(Bug("nothing", "KASAN"))
