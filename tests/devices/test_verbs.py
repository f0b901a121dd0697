# SPDX-License-Identifier: GPL-2.0-only
"""The command on behalf of a PCI function: info, and attach."""
from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

from tests.command.run import Process, facts, held, no_process_left, run, wait_for
from tests.lib.pci import BUS, Function

from .lib.function import DRIVER, function

__all__ = ["function", "no_process_left"]  # fixtures


def devices() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in facts("info")["devices"]}


def place(buffer: dict[str, Any]) -> list[str]:
    return ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]


def test_info_lists_devices(function: Function) -> None:
    # A machine may have DMA engines.
    before = devices().keys()
    own = next(iter(before))
    assert own == "dmabuf-revoke-importer"
    function.bind(DRIVER)
    there = devices()
    assert there.keys() == before | {function.address}
    assert there[own]["peer2peer"] is False
    assert "none" in there[function.address]["engines"].split()
    assert there[function.address]["dma_mask"] == 2**64 - 1
    assert function.address in run("info").stdout


def test_attach_says_on_whose_behalf(function: Function) -> None:
    function.bind(DRIVER)
    device = devices()[function.address]
    with held("64k") as (buffer, _):
        process = Process(
            "attach",
            *place(buffer),
            "--device",
            function.address,
            "--segments",
            "--json",
        )
        wait_for(buffer["id"], maps=1)
        assert devices()[function.address]["attachments"] == 1
        facts("revoke", str(buffer["id"]))
        document = json.loads(process.end())
    assert document["attachment"]["device"] == function.address
    assert document["attachment"]["peer2peer"] is device["peer2peer"]
    assert document["attachment"]["ended_by"] == "invalidation"
    assert document["attachment"]["engine"] in device["engines"].split()
    assert sum(row["length"] for row in document["segments"]) == 64 << 10
    assert all(row["memory"] and not row["bus"] for row in document["segments"])


def test_peer2peer_may_be_left_out(function: Function) -> None:
    function.bind(DRIVER)
    with held("4k") as (buffer, _):
        options = ["--device", function.address, "--no-peer2peer", "--json"]
        process = Process("attach", *place(buffer), *options)
        wait_for(buffer["id"], maps=1)
        document = json.loads(process.end(signal.SIGTERM))
    assert document["attachment"]["peer2peer"] is False


def test_attach_ends_with_its_function(function: Function) -> None:
    function.bind(DRIVER)
    with held("4k") as (buffer, _):
        process = Process("attach", *place(buffer), "--device", function.address)
        process.read_until(".*mapped.*")
        function.unbind()
        out = process.end()
        assert "device gone" in out
        wait_for(buffer["id"], maps=0)


def test_what_is_wrong_and_its_remedy(function: Function) -> None:
    with held("4k") as (buffer, _):

        def refusal(*options: str) -> str:
            done = run("attach", *place(buffer), *options, status=1)
            return done.stderr

        assert "no such PCI function: lspci" in refusal("--device", "0000:ff:1f.7")
        assert "no such PCI function" in refusal("--device", "../devices")
        assert "no such PCI function" in refusal("--device", "")
        text = refusal("--device", function.address)
        assert "it has no driver" in text
        assert f"echo {DRIVER} > {function.path}/driver_override" in text
        # The disk of a guest, or of a machine: somebody has it.
        text = refusal("--device", other_function())
        assert "it is in use by" in text and "driver/unbind" in text
        assert "CONFIG_PCI_P2PDMA" in refusal("--peer2peer")
        assert function.address not in devices()


def other_function() -> str:
    """One with a driver of its own."""
    found = [path.parent.name for path in BUS.glob("devices/*/driver")]
    return sorted(found)[0]


def test_remedy_works(function: Function) -> None:
    """What the message says, done."""
    with held("4k") as (buffer, _):
        done = run("attach", *place(buffer), "--device", function.address, status=1)
        remedy = done.stderr.partition("give it to the importer: ")[2]
        subprocess.run(["sh", "-e", "-c", remedy], check=True)
        assert function.driver == DRIVER
        assert function.address in devices()
