# SPDX-License-Identifier: GPL-2.0-only
"""dmabuf-revoke demo on behalf of a PCI function, with an engine of the importer's."""
from __future__ import annotations

from typing import Any

import pytest

from tests.command.run import buffers, facts, no_process_left, run
from tests.lib.pci import Function

from .lib.function import DRIVER, function
from .test_verbs import devices, other_function

__all__ = ["function", "no_process_left"]  # fixtures

OWN = "dmabuf-revoke-importer"


def rows(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of who behaves, and of who goes on after the unmap."""
    behaved, rogue = document["device_timeline"]
    for row in (behaved, rogue):
        assert row["told_ns"] <= row["dma_ended_ns"] <= row["unmapped_ns"]
        assert row["passes"] >= 1
        assert row["crc32"] == document["device"]["crc32"]
        assert row["map"] == row["submit"] == "ENODEV"
    assert behaved["blocked_ns"] is None and behaved["wrote_ns"] is None
    return behaved, rogue


def is_blocked(document: dict[str, Any]) -> None:
    """Behind an IOMMU, which leaves the memory as it is."""
    assert document["verdict"]["failed"] == 0
    rogue = rows(document)[1]
    assert rogue["blocked_ns"] >= rogue["unmapped_ns"]
    assert rogue["wrote_ns"] is None
    assert document["device"]["changed"] == 0
    assert document["device"]["next"] is True


def is_found(document: dict[str, Any]) -> None:
    """Without one, by the quarantine."""
    assert document["verdict"]["failed"] == 0
    rogue = rows(document)[1]
    assert rogue["wrote_ns"] >= rogue["unmapped_ns"]
    assert rogue["blocked_ns"] is None
    assert document["device"]["changed"] == 1
    assert document["device"]["next"] is True


def nothing_is_left() -> None:
    assert not buffers()
    assert not any(row["attachments"] for row in devices().values())


def has_engine(function: Function) -> bool:
    engines: str = devices()[function.address]["engines"]
    return engines != "none"


def test_demo_on_behalf_of_a_function(function: Function) -> None:
    function.bind(DRIVER)
    if not has_engine(function):
        pytest.skip("DMA is bounced: there is no engine for it")
    document = facts("demo", "--device", function.address)
    assert document["device"]["name"] == function.address
    assert document["device"]["log"] is None
    if function.is_translated:
        assert document["device"]["engine"] == "iova"
        is_blocked(document)
    else:
        assert document["device"]["engine"] == "cpu"
        is_found(document)
    nothing_is_left()


def test_demo_without_a_function() -> None:
    """The importer's own device does, and so does no device at all."""
    is_found(facts("demo", "--device", OWN))
    assert "device" not in facts("demo")
    nothing_is_left()


def test_demo_for_people() -> None:
    out = run("demo", "--device", OWN, "--accept-legacy").stdout
    (rogue,) = [
        line for line in out.splitlines() if line.startswith("the same, rogue ")
    ]
    assert "U!" in rogue and "wrote to it" in rogue


def test_demo_fails_when_something_does_not_happen() -> None:
    """A control: no pass of the streams can end before the revoke."""
    options = ["--device", OWN, "--limit", "0", "--duration", "1h"]
    document = facts("demo", *options, status=1)
    failed = {
        (check["subject"], check["expected"])
        for check in document["checks"]
        if not check["ok"]
    }
    expected = "read the same in every pass until then"
    assert {(OWN, expected), ("the same, rogue", expected)} <= failed
    nothing_is_left()


def test_what_is_wrong_and_its_remedy(function: Function) -> None:
    def refusal(*options: str) -> str:
        done = run("demo", "--device", *options, status=1)
        assert not done.stdout
        nothing_is_left()
        return done.stderr

    assert "no such PCI function: lspci -D" in refusal("0000:ff:1f.7")
    assert "no such PCI function" in refusal("")
    text = refusal(function.address)
    assert "it has no driver" in text
    assert f"echo {DRIVER} > {function.path}/driver_override" in text
    assert "it is in use by" in refusal(other_function())
    assert "--engine iova: not possible for" in refusal(OWN, "--engine", "iova")
    assert "lspci" in refusal("0000:ff:1f.7", "--engine", "cpu")
    assert "offers a channel" in refusal(function.address, "--engine", "dmaengine")
