# SPDX-License-Identifier: GPL-2.0-only
"""What the judge takes for a complaint of the kernel's."""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.gates.kernel_log import BAD
from tests.gates.kernel_log import judge as gate

from ..sample import REPOSITORY
from .show import CHECKS, build

OVERWRITTEN = ""
WARNING = "WARNING: CPU: 0 PID: 1 at a/driver.c:1"


@pytest.fixture(scope="module")
def log(command: Path) -> Path:
    return build(command, command / "log", *CHECKS.split(), source="log.c")


def read(log: Path, *records: str) -> list[str]:
    done = subprocess.run(
        [log, *records], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.splitlines()


def test_complaint_is_told_without_what_the_kernel_adds(log: Path) -> None:
    record = f"4,12,345,-;{WARNING}\n SUBSYSTEM=pci\n"
    assert read(log, record, "6,13,346,-;all is well\n") == [WARNING, "lost 0"]


def test_lines_of_programs_are_none(log: Path) -> None:
    """A facility of their own; root may not choose the kernel's."""
    assert read(log, f"12,12,345,-;{WARNING}\n") == ["lost 0"]


def test_what_our_modules_say_is_none(log: Path) -> None:
    said = "4,12,345,-;dmabuf_revoke_exporter: WARNING: a bug on purpose\n"
    assert read(log, said) == ["lost 0"]


def test_lines_that_were_overwritten_are_said_and_the_rest_is_read(log: Path) -> None:
    found = read(log, OVERWRITTEN, f"4,12,345,-;{WARNING}\n", OVERWRITTEN)
    assert found == [WARNING, "lost 1"]


@pytest.mark.parametrize(
    "text",
    [
        "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [program:123]",
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "INFO: task program:123 blocked for more than 120 seconds.",
        "watchdog: Watchdog detected hard LOCKUP on cpu 1",
    ],
)
def test_stalls_are_known(log: Path, text: str) -> None:
    assert read(log, f"3,12,345,-;{text}\n") == [f"stall: {text}", "lost 0"]


@pytest.mark.parametrize(
    "text", ["BUG: kernel NULL pointer dereference", "INFO: possible circular locking"]
)
def test_others_are_no_stalls(log: Path, text: str) -> None:
    assert read(log, f"1,12,345,-;{text}\n") == [text, "lost 0"]


LEAKS = "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"


def test_what_may_be_of_before_is_told_apart(log: Path) -> None:
    assert read(log, f"5,12,345,-;{LEAKS}\n") == [f"undated: {LEAKS}", "lost 0"]


SMMU = "arm-smmu-v3 9050000.smmuv3: "


@pytest.mark.parametrize(
    "text",
    [
        SMMU + "event 0x10 received:",
        SMMU
        + "event: F_TRANSLATION client: 0000:00:02.0 sid: 0x10 ssid: 0x0 iova: 0xffffc000",
        "arm-smmu 16c0000.iommu: Unhandled context fault: fsr=0x402, iova=0xffffc000",
        "Internal error: synchronous external abort: 0000000096000210 [#1] SMP",
    ],
)
def test_faults_of_arm64_are_known(log: Path, text: str) -> None:
    assert read(log, f"3,12,345,-;{text}\n") == [text, "lost 0"]


@pytest.mark.parametrize(
    "text",
    [
        SMMU + "allocated 65536 entries for evtq",
        SMMU + "option mask 0x0",
        "input 0000:00:03.0: event: 1",
        "kmemleak: Kernel memory leak detector initialized (mem pool available: 15679)",
        "virtio_iommu virtio1: input address: 64 bits",
        "DMA-API: dma_debug_entry pool grown to 131072 (200%)",
        "DMA-API: debugging out of memory - disabling",
        "DMAR: Intel-IOMMU force enabled due to platform opt in",
        "usb 1-1: fault from EP 2",
        "driver 0000:00:03.0: BUG in the firmware (rev 2): ignored",
        "FIX kmalloc-64: Restoring Poison 0x1-0x2=0x6b",
    ],
)
def test_what_is_no_fault_is_not_told(log: Path, text: str) -> None:
    assert read(log, f"6,12,345,-;{text}\n") == ["lost 0"]


#: As kernels print them: at least one for each pattern of the log gate, and each word of the judge's.
COMPLAINTS = [
    WARNING,
    "WARNING: possible circular locking dependency detected",
    "WARNING: possible recursive locking detected",
    "WARNING: possible irq lock inversion dependency detected",
    "WARNING: inconsistent lock state",
    "WARNING: bad unlock balance detected!",
    "WARNING: held lock freed!",
    "WARNING: lock held when returning to user space!",
    "WARNING: suspicious RCU usage",
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "BUG: unable to handle page fault for address: ffffc90000b3d000",
    "Unable to handle kernel paging request at virtual address ffff800084e5d000",
    "kernel BUG at drivers/driver.c:12!",
    "Oops: Oops: 0002 [#1] SMP NOPTI",
    "Oops: general protection fault, probably for non-canonical address 0xdead000000000108",
    "Internal error: synchronous external abort: 0000000096000210 [#1] SMP",
    "Kernel panic - not syncing: Fatal exception",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "INFO: task program:123 blocked for more than 120 seconds.",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [program:123]",
    "watchdog: Watchdog detected hard LOCKUP on cpu 1",
    "watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 1",
    "BUG: KASAN: slab-use-after-free in driver_unmap+0x1c/0x40 [driver]",
    "BUG: KCSAN: data-race in driver_map / driver_unmap",
    "BUG: KMSAN: uninit-value in driver_map+0x1c/0x40 [driver]",
    "BUG: KFENCE: use-after-free read in driver_unmap+0x1c/0x40 [driver]",
    "UBSAN: array-index-out-of-bounds in drivers/driver.c:12:3",
    LEAKS,
    "refcount_t: underflow; use-after-free.",
    "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283",
    "BUG: scheduling while atomic: program/123/0x00000002",
    "DMA-API: driver 0000:00:03.0: device driver has pending DMA allocations while released",
    "DMA-API: platform vgem: mapping sg segment longer than device claims to support [len=9] [max=8]",
    "DMA-API: driver 0000:00:03.0: cacheline tracking EEXIST, overlapping mappings aren't supported",
    "DMAR: ERROR: DMA PTE for vPFN 0xfffff already set (to 10d2f1003 not 10d2f2003)",
    "DMAR: [DMA Write NO_PASID] Request device [00:03.0] fault addr 0xffff000",
    "vfio-pci 0000:00:03.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0007 address=0x1000]",
    "arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:00:02.0 sid: 0x10",
    "arm-smmu 16c0000.iommu: Unhandled context fault: fsr=0x402, iova=0xffffc000",
    "virtio_iommu virtio1: page fault from EP 24 at 0xfffff000 [W]",
    "list_add corruption. next->prev should be prev (ffff8880), but was ffff8881.",
    "list_del corruption, ffff8880->next is LIST_POISON1 (dead000000000100)",
    "BUG kmalloc-64 (Tainted: G    B      OE     ): Poison overwritten",
    "BUG driver_cache (Not tainted): Right Redzone overwritten",
    "BUG kmalloc-64 (Not tainted): Object already free",
    "BUG: Bad page state in process program  pfn:12345",
]

#: Of the log gate, and not of the judge: why.
NOT_TOLD = {
    "Call [Tt]race:": "a line of a report that has begun with another one",
    "ODEBUG:": "WARN() prints it",
    "page_counter underflow": "WARN() prints it",
    "unpinned without a pin": "our exporter's: the judge knows by the events",
}


def words() -> set[str]:
    """All that the judge looks for."""
    text = (REPOSITORY / "tools/judge/seen/kernel_log.c").read_text(encoding="ascii")
    tables = re.findall(r"\b(?:words|pairs)\b[^=]*= \{(.*?)\};", text, re.DOTALL)
    return {word for table in tables for word in re.findall(r'"([^"]+)"', table)}


@pytest.mark.parametrize("text", COMPLAINTS)
def test_judge_and_log_gate_know_the_same(log: Path, text: str) -> None:
    assert gate([text], ()) == [text]
    assert text in read(log, f"3,12,345,-;{text}\n")[0]


def test_each_that_one_of_them_knows_is_tried() -> None:
    """So that who adds one to either sees whether the other has it."""
    tried = {bad.pattern for bad in BAD if any(map(bad.search, COMPLAINTS))}
    assert {bad.pattern for bad in BAD} - tried == set(NOT_TOLD)
    assert words()
    assert not {word for word in words() if not any(word in t for t in COMPLAINTS)}
