# SPDX-License-Identifier: GPL-2.0-only
"""The command with a device that is its own engine: info, attach, and what may be wrong."""
from __future__ import annotations

import json
from contextlib import contextmanager
from typing import Any, Iterator

import pytest

from tests.command.run import Process, facts, held, no_process_left, run, wait_for
from tests.lib import modules
from tests.lib.pci import BUS, Function

__all__ = ["no_process_left"]  # a fixture


def devices() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in facts("info")["devices"]}


def place(buffer: dict[str, Any]) -> list[str]:
    return ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]


def by(engine: Function) -> list[str]:
    return ["--device", engine.address, "--engine", "dmaengine"]


@contextmanager
def streaming(engine: Function, buffer: dict[str, Any]) -> Iterator[Process]:
    process = Process("attach", *place(buffer), *by(engine), "--stream", "--json")
    wait_for(buffer["id"], maps=1)
    yield process


def test_info_lists_it_while_it_has_a_channel(engine: Function) -> None:
    there = devices()[engine.address]
    assert "dmaengine" in there["engines"].split()
    assert there["dma_mask"] == 2**64 - 1
    engine.unbind()
    assert engine.address not in devices()


def test_attach_streams(engine: Function) -> None:
    with held("4k") as (buffer, _):
        with streaming(engine, buffer) as process:
            facts("revoke", str(buffer["id"]))
            document = json.loads(process.end())
    attachment = document["attachment"]
    assert attachment["engine"] == "dmaengine"
    assert attachment["device"] == engine.address
    assert attachment["ended_by"] == "invalidation"


def test_channel_that_is_in_use(engine: Function) -> None:
    with held("4k") as (buffer, _):
        with streaming(engine, buffer) as process:
            text = run("attach", *place(buffer), *by(engine), status=1).stderr
            assert f"all channels of {engine.address} are in use (EBUSY)" in text
            facts("revoke", str(buffer["id"]))
            process.end()


@pytest.fixture
def other(engine: Function) -> Function:
    """One with a driver that offers no channel."""
    there = [Function(path.parent.name) for path in BUS.glob("devices/*/driver")]
    return next(
        function
        for function in there
        if function != engine and not list(function.path.glob("dma/dma*chan*"))
    )


def test_device_without_a_channel(other: Function) -> None:
    with held("4k") as (buffer, _):
        text = run("attach", *place(buffer), *by(other), status=1).stderr
    assert f"--device {other.address}: it has no driver that offers a channel" in text
    assert "ls -l /sys/class/dma" in text


@pytest.fixture
def edu_without_copies(edu: Function) -> Iterator[Function]:
    """Its channel is for something else."""
    modules.unload("dbr_edu")
    modules.load("dbr_edu", "no_copy=1")
    with edu.driven_by("dbr_edu"):
        yield edu
    modules.unload("dbr_edu")
    modules.load("dbr_edu")


def test_channel_that_does_not_copy(edu_without_copies: Function) -> None:
    with held("4k") as (buffer, _):
        words = ["attach", *place(buffer), *by(edu_without_copies)]
        text = run(*words, status=1).stderr
    assert f"no channel of {edu_without_copies.address} copies memory (ENXIO)" in text


def test_device_of_the_importer(edu: Function) -> None:
    with edu.driven_by("dmabuf_revoke_importer"), held("4k") as (buffer, _):
        text = run("attach", *place(buffer), *by(edu), status=1).stderr
    assert f"--engine dmaengine: not possible for {edu.address}" in text
