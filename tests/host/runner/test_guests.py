# SPDX-License-Identifier: GPL-2.0-only
"""What the runner makes of guests that pass, fail and get lost."""
from __future__ import annotations

import os
import re
import select
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from guest import kernels
from guest.image import base as image
from guest.machine import session, tsc, vm
from guest.suite import check, runs
from guest.tree.cpio import Archive
from guest.errors import RunnerError
from guest.settings import Limits, Machine, Settings

JOBS = {
    "pass": "echo fine; cat /proc/sys/kernel/osrelease >$DBR_RESULTS/release;"
    "dmesg >$DBR_RESULTS/dmesg",
    "fail": "echo 'a warning' >/dev/kmsg; exit 3",
    "panic": "echo c >/proc/sysrq-trigger",
    "panic without an end": "echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger",
    "hang": "echo last words; exec sleep 1000",
    "off": "busybox poweroff -f",
}
# With several CPUs an emulated kernel may die of patching its own text (tests/lib/cpus.py).
MACHINE = Machine(memory="512M", cpus=1)
# Silence is shortened for the guest that hangs only: the others may be slow.
SILENCE = {"hang": 10.0}


@dataclass
class Ended:
    """A guest's outcome and what its job has printed."""

    outcome: vm.Outcome
    output: str


def ended(kernel: kernels.Kernel, entry: Path, name: str) -> Ended:
    output: list[bytes] = []
    content = session.initrd(entry, JOBS[name], {"DBR_KERNEL": kernel.name})
    overlay = Archive().content()
    limits = Limits(boot=100, silence=SILENCE.get(name, 100), total=100)

    def start() -> vm.Guest:
        return vm.Guest(entry, content, "tcg", MACHINE)

    outcome = vm.see_through(start(), start, overlay, limits, output.append)
    return Ended(outcome, b"".join(output).decode())


@pytest.fixture(scope="module")
def guests(kernel: kernels.Kernel, entry: Path) -> dict[str, Future[Ended]]:
    """All of them at once, as far as there are CPUs."""
    with ThreadPoolExecutor(2) as pool:
        return {name: pool.submit(ended, kernel, entry, name) for name in JOBS}


def test_a_command_that_succeeds(guests: dict[str, Future[Ended]]) -> None:
    seen = guests["pass"].result()
    assert not seen.outcome.lost, seen.outcome.console
    assert seen.outcome.status == 0
    assert seen.output == "fine\n"  # and nothing of the kernel's
    assert seen.outcome.files["release"].strip()


def test_a_guest_is_told_the_rate_of_its_clock(
    guests: dict[str, Future[Ended]]
) -> None:
    log = guests["pass"].result().outcome.files["dmesg"].decode()
    # That of the processor it measures all the same; it says the counter's last, if they differ.
    seen = re.findall(r"tsc: Detected (\d+\.\d+) MHz", log)
    assert seen, log
    assert round(float(seen[-1]) * 1000) == tsc.khz()


def test_the_rate_of_the_clock_is_the_same_twice() -> None:
    tsc.measured.cache_clear()
    first = tsc.khz()
    tsc.measured.cache_clear()
    assert tsc.khz() == pytest.approx(first, rel=1e-3)


def test_guests_that_start_at_once_are_told_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates = iter(range(1, 100))

    def measure() -> int:
        time.sleep(0.1)
        return next(rates)

    monkeypatch.setattr(tsc, "_measure", measure)
    tsc.measured.cache_clear()
    with ThreadPoolExecutor(4) as threads:
        told = [threads.submit(tsc.khz) for _ in range(4)]
    assert [each.result() for each in told] == 4 * [tsc.khz()]
    tsc.measured.cache_clear()


def test_a_command_that_fails_is_not_a_lost_guest(
    guests: dict[str, Future[Ended]]
) -> None:
    seen = guests["fail"].result()
    assert not seen.outcome.lost, seen.outcome.console
    assert seen.outcome.status == 3
    assert b"a warning" in seen.outcome.files["dmesg.txt"]


def test_a_panic_loses_the_guest(
    guests: dict[str, Future[Ended]], capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = guests["panic"].result().outcome
    assert outcome.lost == "panic: sysrq triggered crash"
    session.report_loss("name", outcome)
    shown = capfd.readouterr().err
    assert re.search(r"\[name\] guest LOST .*panic: sysrq", shown)
    assert "sysrq_handle_crash" in shown


def test_a_panic_that_does_not_end_the_guest_is_no_hang(
    guests: dict[str, Future[Ended]]
) -> None:
    outcome = guests["panic without an end"].result().outcome
    assert outcome.lost == "panic: sysrq triggered crash"
    assert outcome.first is None


def test_an_early_panic_is_no_boot_that_takes_long_and_is_tried_again(
    kernel: kernels.Kernel, entry: Path
) -> None:
    content = session.initrd(entry, JOBS["pass"], {"DBR_KERNEL": kernel.name})
    appended = ["panic=0 rdinit=/none", ""]

    def start() -> vm.Guest:
        machine = replace(MACHINE, append=appended.pop(0))
        return vm.Guest(entry, content, "tcg", machine)

    limits = Limits(boot=100, silence=100, total=100)
    overlay = Archive().content()
    outcome = vm.see_through(start(), start, overlay, limits, lambda data: None)
    assert not outcome.lost and outcome.first
    assert outcome.first.lost.startswith("panic: VFS: Unable to mount root fs")


def test_a_hang_loses_the_guest_and_shows_where_it_was(
    guests: dict[str, Future[Ended]], capfd: pytest.CaptureFixture[str]
) -> None:
    seen = guests["hang"].result()
    assert seen.output == "last words\n"
    # The CPUs are idle, or one of them looks for work.
    assert re.match(r"hang: silent for 10 s \(at \w+\+0x", seen.outcome.lost)
    session.report_loss("name", seen.outcome)
    shown = capfd.readouterr().err
    assert "NMI" in shown
    assert re.search(r"task:sleep .*(\n.*)*hrtimer_nanosleep", shown)


def test_an_end_without_a_status_loses_the_guest(
    guests: dict[str, Future[Ended]]
) -> None:
    lost = guests["off"].result().outcome.lost
    assert re.fullmatch(
        r"the guest ended without a status"
        r" \(qemu's status is 0, its console ends with: .*Power down\)",
        lost,
    )


def numbers(last: int) -> bytes:
    return "".join(f"{number}\n" for number in range(1, last + 1)).encode()


def test_results_that_are_read_late_are_not_lost(
    kernel: kernels.Kernel, entry: Path
) -> None:
    """More than a socket holds, not more than a port takes, while the host is busy."""
    job = "seq 150000 >$DBR_RESULTS/numbers; seq 40000"
    content = session.initrd(entry, job, {"DBR_KERNEL": kernel.name})
    guest = vm.Guest(entry, content, "tcg", MACHINE)
    output: list[bytes] = []
    ended: list[bool] = []

    def busy(data: bytes) -> None:
        if not output:
            handle = os.pidfd_open(guest.pid)
            ended.append(bool(select.select([handle], [], [], 15)[0]))
            os.close(handle)
        output.append(data)

    limits = Limits(boot=100, silence=100, total=100)
    outcome = guest.wait(Archive().content(), limits, busy)
    assert not outcome.lost, outcome.console
    assert ended == [False]
    assert outcome.files["numbers"] == numbers(150000)
    assert b"".join(output) == numbers(40000)


def test_a_guest_that_does_not_come_up_is_lost(entry: Path) -> None:
    guest = vm.Guest(entry, session.initrd(entry, "true", {}), "tcg", Machine())
    limits = Limits(boot=0.5, silence=100, total=100)
    outcome = guest.wait(b"", limits, lambda data: None, trace=False)
    assert outcome.lost == "boot: not up after 0.5 s (its console is empty)"


EARLY, PANIC = vm.Outcome(lost=f"{vm.NOT_UP} after 1 s"), vm.Outcome(lost="panic: x")
LATE_PANIC = replace(PANIC, untouched=False)


@pytest.mark.parametrize(
    "first, built, again",
    [
        (EARLY, False, True),
        (PANIC, False, True),
        (LATE_PANIC, False, False),
        (EARLY, True, False),
        (PANIC, True, False),
    ],
)
def test_a_kernel_that_does_not_come_up_is_started_again_unless_it_is_ones_own(
    first: vm.Outcome,
    built: bool,
    again: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    ends = [first, vm.Outcome(status=3)]

    class Guest:
        def __init__(self, *arguments: object) -> None:
            pass

        def wait(self, *arguments: object) -> vm.Outcome:
            return ends.pop(0)

    monkeypatch.setattr(vm, "Guest", Guest)
    monkeypatch.setattr(session, "cache_directory", lambda: tmp_path)
    monkeypatch.setattr(image, "prepare", lambda *arguments: tmp_path)
    monkeypatch.setattr(session, "initrd", lambda *arguments: b"")
    monkeypatch.setattr(session, "_choose_accel", lambda *arguments: "tcg")
    monkeypatch.setattr(session, "_build", lambda *arguments: b"")
    kernel = kernels.TABLE["7.3"]
    if built:
        kernel = replace(kernel, built=kernels.Build(tmp_path, tmp_path))
    outcome = session.run(kernel, Settings(), session.Job("true"), lambda data: None)
    if again:
        assert outcome.status == 3 and outcome.first is first
    else:
        assert outcome.lost and not outcome.first


def test_a_qemu_that_does_not_start_is_lost_with_its_message(entry: Path) -> None:
    machine = Machine(qemu_args=("-device", "no-such-device"))
    guest = vm.Guest(entry, session.initrd(entry, "true", {}), "tcg", machine)
    outcome = guest.wait(b"", Limits(), lambda data: None)
    assert outcome.lost.startswith(
        "the guest ended before it was up (qemu's status is 1, its console ends with: "
    )
    assert "no-such-device" in outcome.console


def test_a_whole_check_and_its_last_line(
    kernel: kernels.Kernel,
    entry: Path,
    source: Path,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    chosen, kernel = Settings(source=source), replace(kernel, waiting="")
    status = check.check([kernel], chosen, runs.Choice(), tmp_path, check.Beside(), 1)
    out, err = (text.decode() for text in capfdbinary.readouterr())
    assert status == 1, err
    # The minutes are said beyond the first.
    last = r"===== 1 failed, 2 passed, 1 skipped in [\d.]+s( \([\d:]+\))? =====\n\Z"
    assert re.search(last, out), out + err
    assert f"[{kernel.name}] skipped 1: not today" in out
    names = {path.name for path in (tmp_path / kernel.name).iterdir()}
    assert names >= {"junit.xml", "dmesg.txt", "status", "console.log"}


def test_errors_of_the_compilers_are_shown(
    kernel: kernels.Kernel, entry: Path, source: Path
) -> None:
    (source / "exporter/dmabuf_revoke_exporter.c").write_text("not_c;\n")
    with pytest.raises(RunnerError, match="(?s)dkms failed.*not_c"):
        session.build(kernel, Settings(source=source))


def test_warnings_of_the_compiler_are_shown_each_time(
    kernel: kernels.Kernel,
    entry: Path,
    source: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = source / "exporter/dmabuf_revoke_exporter.c"
    path.write_text(path.read_text() + "static int never_used;\n")
    for _ in range(2):
        session.build(kernel, Settings(source=source))
        shown = capfd.readouterr().err
        assert "never_used" in shown and "warning" in shown


def test_errors_of_make_are_shown(
    kernel: kernels.Kernel, entry: Path, source: Path
) -> None:
    (source / "tests/hello.c").write_text("not_c;\n")
    with pytest.raises(RunnerError, match="(?s)programs failed.*not_c"):
        session.build(kernel, Settings(source=source))
