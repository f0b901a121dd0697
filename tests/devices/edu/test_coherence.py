# SPDX-License-Identifier: GPL-2.0-only
"""What test-exporter says of E21, on behalf of a device whose DMA may be bounced."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.command.judge.exporters import Verdicts, judge, program
from tests.lib.pci import Function

#: edu takes its time for each 2 KiB.
OURS = (program("ours"), "--length", "4096")


def sync(engine: Function, *words: str) -> Verdicts:
    device = ("--device", engine.address, "--engine", "dmaengine")
    limits = ("--limit", "command=60s")
    more = ("--scenario", "sync", "--no-peer2peer", *device, *limits)
    for _ in range(5):
        verdicts = judge(*OURS, *words, more=more)
        # So it says on a machine that is busy with other things.
        if "this machine was not alive" not in verdicts.all():
            break
    return verdicts


def is_bounced() -> bool:
    words = Path("/proc/cmdline").read_text(encoding="ascii")
    return bool(re.search(r"\bswiotlb=\S*\bforce\b", words))


def test_access_is_coherent(engine: Function) -> None:
    verdicts = sync(engine)
    assert ("sync", "E21") in verdicts.of("PASS"), verdicts.all()
    assert verdicts.status == 0, verdicts.all()


def test_synchronising_before_the_wait_is_found_where_dma_is_bounced(
    engine: Function,
) -> None:
    """A control. Elsewhere the device writes to the memory that the CPU sees."""
    verdicts = sync(engine, "--faults", "SYNC_EARLY")
    bounced = is_bounced()
    assert verdicts.of("FAIL") == (
        {("sync", "E21")} if bounced else set()
    ), verdicts.all()
    assert bounced == ("does not see" in verdicts.evidence("sync", "E21"))


@pytest.mark.parametrize("fault", ["FAIL_CPU_ACCESS", "NO_MMAP_OP"])
def test_who_cannot_be_asked_is_skipped(engine: Function, fault: str) -> None:
    verdicts = sync(engine, "--faults", fault)
    assert verdicts.of("SKIP") == {("sync", "E21")}, verdicts.all()
