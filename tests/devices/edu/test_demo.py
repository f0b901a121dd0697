# SPDX-License-Identifier: GPL-2.0-only
"""dmabuf-revoke demo with real DMA: an IOMMU stops it, or the quarantine finds it."""
from __future__ import annotations

import re
import signal

from tests.command.run import COMMAND, Process, facts, no_process_left, run
from tests.devices.test_demo import is_blocked, is_found, nothing_is_left
from tests.lib.life import PAGE
from tests.lib.pci import Function

from .machine import fault_of

__all__ = ["no_process_left"]  # a fixture


def test_demo_of_real_DMA_warns_iommu(engine: Function) -> None:
    document = facts("demo", "--device", engine.address)
    device = document["device"]
    assert device["engine"] == "dmaengine"
    if engine.is_translated:
        is_blocked(document)
        fault = fault_of(engine).search(device["log"])
        assert fault and int(fault[1], 16) & -PAGE == device["address"]
    else:
        is_found(document)
        assert device["log"] is None
    nothing_is_left()


def test_demo_for_people_warns_iommu(engine: Function) -> None:
    out = run("demo", "--device", engine.address).stdout
    mark, end = ("B", "blocked at") if engine.is_translated else ("Q", "wrote to it")
    assert re.search(rf"^the same, rogue +I?#*\.*U!+{mark} .*{end}", out, re.MULTILINE)
    picture = out.partition("\nThe revoke\n")[2].partition("\nChecks\n")[0]
    assert max(map(len, picture.splitlines())) <= 100


def test_engine_may_be_chosen(engine: Function) -> None:
    """The importer's, for a function that has a channel, too."""
    chosen = "iova" if engine.is_translated else "cpu"
    document = facts("demo", "--device", engine.address, "--engine", chosen)
    assert document["device"]["engine"] == chosen
    (is_blocked if engine.is_translated else is_found)(document)


def test_channel_in_use(engine: Function) -> None:
    options = ["--device", engine.address, "--engine", "dmaengine"]
    other = Process("alloc", "4k", "--", COMMAND, "attach", *options)
    other.read_until(".*mapped.*")
    done = run("demo", "--device", engine.address, status=1)
    assert f"demo: all channels of {engine.address}" in done.stderr
    assert not done.stdout
    other.end(signal.SIGTERM)
    nothing_is_left()
