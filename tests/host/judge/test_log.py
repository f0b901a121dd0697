# SPDX-License-Identifier: GPL-2.0-only
"""What the judge takes for a complaint of the kernel's."""
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

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
    ],
)
def test_stalls_are_known(log: Path, text: str) -> None:
    assert read(log, f"3,12,345,-;{text}\n") == [f"stall: {text}", "lost 0"]


@pytest.mark.parametrize(
    "text", ["BUG: kernel NULL pointer dereference", "INFO: possible circular locking"]
)
def test_others_are_no_stalls(log: Path, text: str) -> None:
    assert read(log, f"1,12,345,-;{text}\n") == [text, "lost 0"]


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
    ],
)
def test_what_is_no_fault_is_not_told(log: Path, text: str) -> None:
    assert read(log, f"6,12,345,-;{text}\n") == ["lost 0"]
