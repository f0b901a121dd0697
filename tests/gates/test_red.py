# SPDX-License-Identifier: GPL-2.0-only
"""Controls: the gates and the stepper have to turn red where something is wrong."""
from __future__ import annotations

import errno
import os
import re
import signal
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest

from tests.lib import ioctls
from tests.lib.cases import program_directory, programs
from tests.lib.clauses import CLAUSES, NOT_YET, clauses_of
from tests.lib.stepper import Result, StepError, Stepper

from . import counts, kernel_log
from .around import Gates
from .kernel_log import LogGate

# As kernels print them.
BAD_LINES = [
    "dmabuf_revoke_exporter: dmabuf-revoke-importer: unpinned without a pin",
    "WARNING: CPU: 0 PID: 1 at drivers/dma-buf/dma-buf.c:1 dma_buf_detach+0x1/0x2",
    "BUG: KASAN: slab-use-after-free in dbr_revoke+0x1/0x2",
    "kernel BUG at lib/list_debug.c:56!",
    "Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI",
    "Oops: general protection fault, probably for non-canonical address 0x1: 0000",
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "Unable to handle kernel paging request at virtual address ffff000000000000",
    "Kernel panic - not syncing: Fatal exception",
    "Call Trace:",
    "Call trace:",
    "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "WARNING: suspicious RCU usage",
    "INFO: task kworker/u8:1:30 blocked for more than 30 seconds.",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [race:99]",
    "WARNING: possible circular locking dependency detected",
    "WARNING: possible recursive locking detected",
    "WARNING: inconsistent lock state",
    "WARNING: bad unlock balance detected!",
    "BUG: KCSAN: data-race in dbi_engine_move / dbr_vm_fault",
    "UBSAN: array-index-out-of-bounds in importer/event.c:1:2",
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "refcount_t: underflow; use-after-free.",
    "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:1",
    "BUG: scheduling while atomic: race/12/0x00000002",
    "DMA-API: platform x: device driver frees DMA memory with different direction",
    "DMA-API: platform x: mapping sg segment longer than device claims to support [len=9] [max=8]",
    "DMA-API: exceeded 7 overlapping mappings of cacheline 0x0000000000012345",
    "DMAR: ERROR: DMA PTE for vPFN 0xfffff already set (to 10d2f1003 not 10d2f2003)",
    "DMAR: [DMA Write NO_PASID] Request device [0000:00:01.0] fault addr 0xffffc000 [fault reason 0x05]",
    "edu 0000:00:01.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0001 address=0xffffc000 flags=0x0020]",
    "arm-smmu-v3 9050000.smmuv3: event 0x10 received:",
    "arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:00:02.0 sid: 0x10 ssid: 0x0 iova: 0xffffc000 ipa: 0x0",
    "arm-smmu 16c0000.iommu: Unhandled context fault: fsr=0x402, iova=0xffffc000, fsynr=0x13, cb=0",
    "Internal error: synchronous external abort: 0000000096000210 [#1] SMP",
    "list_del corruption. prev->next should be ffff, but was dead. (prev=ffff)",
    "BUG kmalloc-96 (Tainted: G): Poison overwritten",
    "virtio_iommu virtio0: page fault from EP 16 at 0xfffff000 [W]",
    "BUG: Bad page state in process race  pfn:12345",
    "ODEBUG: free active (active state 0) object: 0 object type: work_struct",
    "page_counter underflow: -1 nr_pages=1",
]

HARMLESS_LINES = [
    "dmabuf_revoke_exporter: loading out-of-tree module taints kernel.",
    "dmabuf_revoke_exporter: module verification failed: signature missing",
    "race[99]: segfault at 0 ip 0000 sp 0000 error 4 in race[400000+1000]",
    "hrtimer: interrupt took 12345678 ns",
    "clocksource: Switched to clocksource tsc",
    "DMA-API: preallocated 65536 debug entries",
    "DMA-API: dma_debug_entry pool grown to 131072 (200%)",
    "DMAR: IOMMU enabled",
    "workqueue: DEBUG_INFO is off",
]


def test_log_gate_finds_what_is_bad_and_nothing_else() -> None:
    assert kernel_log.judge(BAD_LINES) == BAD_LINES
    assert not kernel_log.judge(HARMLESS_LINES)


def test_log_gate_has_no_dead_pattern() -> None:
    unused = [
        bad.pattern
        for bad in kernel_log.BAD
        if not any(bad.search(line) for line in BAD_LINES)
    ]
    assert not unused


def test_log_gate_allows_with_a_reason() -> None:
    allowed = kernel_log.Allowed(re.compile("clock"), "the clock may")
    lines = ["WARNING: clock", "WARNING: door"]
    assert kernel_log.judge(lines, (allowed,)) == ["WARNING: door"]
    assert all(entry.reason for entry in kernel_log.ALLOWED)


def test_log_gate_finds_a_live_warning() -> None:
    gate = LogGate(allowed=())
    gate.begin("live")
    with open(kernel_log.KMSG, "w", encoding="ascii") as log:
        log.write("<4>WARNING: control of the log gate\n")
    assert gate.end() == ["WARNING: control of the log gate"]


def test_log_gate_forgets_what_came_before() -> None:
    with open(kernel_log.KMSG, "w", encoding="ascii") as log:
        log.write("<4>WARNING: control of the log gate, earlier\n")
    gate = LogGate(allowed=())
    gate.begin("afterwards")
    assert not gate.end()


def test_log_gate_notices_that_it_is_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = LogGate()
    gate.begin("blind")
    monkeypatch.setattr(kernel_log, "read_records", lambda fd: ([], False))
    assert "blind" in "\n".join(gate.end())


def test_log_gate_notices_lost_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bytes | OSError] = [
        OSError(errno.EPIPE, "overwritten"),
        b"6,1,2,-;kept\n",
        OSError(errno.EAGAIN, "no more"),
    ]

    def read(fd: int, size: int) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(os, "read", read)
    assert kernel_log.read_records(0) == (["kept"], True)


def test_log_gate_notices_a_taint(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = LogGate()
    gate.begin("taint")
    tainted = kernel_log.taint() | 1 << 7
    monkeypatch.setattr(kernel_log, "taint", lambda: tainted)
    assert gate.end() == ["the kernel is tainted: died"]


Hold = Callable[[], list[int]]


def hold_exporter() -> list[int]:
    return [ioctls.open_node(ioctls.EXPORTER)]


def hold_buffer() -> list[int]:
    """Without its owner: what is left is an orphan that a descriptor refers to."""
    exporter = ioctls.open_node(ioctls.EXPORTER)
    _, dmabuf = ioctls.alloc(exporter, ioctls.PAGE)
    os.close(exporter)
    return [dmabuf]


def hold_id() -> list[int]:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    _, dmabuf = ioctls.alloc(exporter, ioctls.PAGE)
    os.close(dmabuf)
    return [exporter]


def hold_attachment() -> list[int]:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    importer = ioctls.open_node(ioctls.IMPORTER)
    _, dmabuf = ioctls.alloc(exporter, ioctls.PAGE)
    attachment = ioctls.attach(importer, dmabuf)
    for fd in (importer, dmabuf, exporter):
        os.close(fd)
    return [attachment]


def hold_job() -> list[int]:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    importer = ioctls.open_node(ioctls.IMPORTER)
    _, dmabuf = ioctls.alloc(exporter, ioctls.PAGE)
    attachment = ioctls.attach(importer, dmabuf)
    os.close(ioctls.submit_fence(attachment, 600 * 10**9))
    for fd in (importer, dmabuf):
        os.close(fd)
    return [attachment, exporter]


@pytest.mark.parametrize(
    "hold, names",
    [
        (hold_exporter, ["references to dmabuf_revoke_exporter"]),
        (hold_buffer, ["buffers", "references to dmabuf_revoke_exporter"]),
        (hold_id, ["buffers", "bytes", "ids"]),
        (hold_attachment, ["attachments", "references to dmabuf_revoke_importer"]),
        (hold_job, ["jobs", "attachments"]),
    ],
)
def test_leak_gate_finds(hold: Hold, names: list[str]) -> None:
    before = counts.counts()
    held = hold()
    wrong = counts.settle(before, patience=0.05)
    for fd in held:
        os.close(fd)
    for name in names:
        assert any(line.startswith(f"{name}:") for line in wrong), wrong
    assert not counts.settle(before)


def test_leak_gate_counts_dma_bufs() -> None:
    if not counts.BUFINFO.exists():
        pytest.skip(f"no {counts.BUFINFO}: mount -t debugfs none /sys/kernel/debug")
    before = counts.counts()
    (dmabuf,) = hold_buffer()
    after = counts.counts()
    os.close(dmabuf)
    name = "dma-bufs of dmabuf_revoke_exporter"
    assert after[name] == before[name] + 1


def test_both_gates_together() -> None:
    gates = Gates("together")
    held = hold_exporter()
    wrong = gates.close(patience=0.05)
    os.close(held[0])
    assert len(wrong) == 1
    assert wrong[0].startswith("left behind: references to")


class Outcome(NamedTuple):
    """How one of the cases that have to fail ended, and what the gates say of it."""

    result: Result
    logged: list[str]
    left: list[str]


Controls = dict[str, Outcome]


def step_behind_gates(stepper: Stepper) -> Outcome:
    log = LogGate(allowed=())
    before = counts.counts()
    log.begin("control")
    case = stepper.next
    result = stepper.step()
    # What that one leaves stays, however long one waits. The end of another may take its time.
    left = counts.settle(before, 0.2 if case == "leaves_a_buffer" else counts.PATIENCE)
    if result.output.startswith("child "):
        os.kill(int(result.output.split()[1]), signal.SIGKILL)
        assert not counts.settle(before)
    return Outcome(result, log.end(), left)


@pytest.fixture(scope="module")
def controls() -> Iterator[Controls]:
    """All cases of gates/failing.c, which wait for what never comes: not a minute each."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DBR_SOON_MS", "3000")
        stepper = Stepper(program_directory() / "gates/failing", [])
    outcomes: Controls = {}
    try:
        while case := stepper.next:
            outcomes[case] = step_behind_gates(stepper)
    finally:
        stepper.close()
    yield outcomes


def test_case_that_passes(controls: Controls) -> None:
    outcome = controls["passes"]
    assert outcome.result.status == "passed"
    assert not outcome.logged
    assert not outcome.left


def test_case_that_fails_says_why(controls: Controls) -> None:
    result = controls["fails_an_assertion"].result
    assert result.status == "failed"
    assert "dr_unmap(importer): ENOTTY, expected ENXIO" in result.output


def test_case_that_crashes(controls: Controls) -> None:
    result = controls["crashes"].result
    assert result.status == "failed"
    assert result.reason == "Received signal 11 (Segmentation fault)"


@pytest.mark.parametrize("case", ["ends_early", "misses_its_signal"])
def test_case_that_does_not_end_as_it_has_to(controls: Controls, case: str) -> None:
    result = controls[case].result
    assert result.status == "failed"
    assert result.reason == "Early exit with return value 0"


def test_case_that_fails_several_times_says_each(controls: Controls) -> None:
    result = controls["fails_several_times"].result
    assert (result.status, result.reason) == ("failed", "")
    lines = [line.partition(": ")[2] for line in result.output.splitlines()]
    assert lines == [
        "not so: importer < 0",
        "\"have\" is 'have', expected 'want'",
        "the third is the end",
    ]
    assert all(
        line.startswith("gates/failing.c:") for line in result.output.splitlines()
    )


def test_case_that_hangs(controls: Controls) -> None:
    result = controls["runs_into_its_limit"].result
    assert (result.status, result.reason) == ("failed", "Test timeout expired")


def test_case_that_is_skipped_says_why(controls: Controls) -> None:
    result = controls["is_skipped"].result
    assert (result.status, result.reason) == ("skipped", "there is no such thing")


def test_case_that_leaves_a_descriptor(controls: Controls) -> None:
    result = controls["leaves_a_descriptor"].result
    assert result.status == "failed"
    assert "open_fds()" in result.output


def test_case_that_leaves_a_child(controls: Controls) -> None:
    outcome = controls["leaves_a_child"]
    assert outcome.result.status == "failed"
    assert "a child is left" in outcome.result.output
    assert not outcome.left


def test_case_that_leaves_a_buffer(controls: Controls) -> None:
    outcome = controls["leaves_a_buffer"]
    assert outcome.result.status == "passed"
    assert any("buffers" in line for line in outcome.left)


def test_case_that_warns_in_the_kernel_log(controls: Controls) -> None:
    outcome = controls["warns_in_the_kernel_log"]
    assert outcome.result.status == "passed"
    assert any("from a case" in line for line in outcome.logged)


@pytest.mark.parametrize(
    "case, said",
    [
        ("point_with_the_wrong_errno", "control: EPERM at point 1"),
        ("point_that_leaves_a_descriptor", "control: point 1 leaves 1 descriptors"),
        ("point_after_which_nothing_works", "control: ENOMEM after point 1"),
        ("point_that_is_not_there", "control: no point was reached"),
    ],
)
def test_call_that_fails_badly(controls: Controls, case: str, said: str) -> None:
    """The frame of failnth/*.c, where the kernel can make calls fail."""
    result = controls[case].result
    if result.status == "skipped":
        pytest.skip(result.reason)
    assert result.status == "failed"
    assert said in result.output


def test_program_that_is_missing() -> None:
    with pytest.raises(StepError, match="make programs"):
        Stepper(Path("/nonexistent/program"), ["case"])


def test_every_clause_has_a_case(request: pytest.FixtureRequest) -> None:
    sources = [path.read_text(encoding="utf-8") for path in programs().values()]
    names = re.findall(r"^CASE\(\w+, (\w+)", "".join(sources), re.MULTILINE)
    covered = {clause for name in names for clause in clauses_of(name)}
    assert covered <= CLAUSES.keys()
    assert not CLAUSES.keys() - covered - NOT_YET


def test_leak_gate_notices_a_module_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = counts.counts()
    gone = counts.MODULES[1]
    monkeypatch.setattr(counts, "MODULES", counts.MODULES[:1])
    wrong = counts.settle(before, 0.0)
    assert f"modules called {gone}: 1 before, 0 after" in wrong
