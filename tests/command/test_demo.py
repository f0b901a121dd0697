# SPDX-License-Identifier: GPL-2.0-only
"""dmabuf-revoke demo: it is right, and says so when it is not."""

import json
import os
import re
import signal
import zlib
from pathlib import Path
from typing import Any

import pytest

from .run import (
    COMMAND,
    PAGE,
    Process,
    facts,
    held,
    no_process_left,
    run,
    wait_until_gone,
)

__all__ = ["no_process_left"]  # a fixture


def at(seconds: int) -> list[str]:
    """Runs what follows where CLOCK_MONOTONIC is so far ahead."""
    if not Path("/proc/self/ns/time").exists():
        pytest.skip("CONFIG_TIME_NS is not set")
    return ["unshare", "--time", "--fork", "--monotonic", str(seconds)]


def check_timeline(document: dict[str, Any]) -> None:
    """The times that it reports agree with each other."""
    phases = {row["phase"]: row for row in document["phases"]}
    assert list(phases) == [
        "invalidate",
        "zap CPU mappings",
        "wait for fences",
        "wait for unmaps",
        "release memory",
    ]
    end = 0
    for row in phases.values():
        assert row["start_ns"] == end
        end += row["took_ns"]
    assert end <= document["demo"]["revoke_ns"]
    invalidated = phases["invalidate"]["took_ns"]
    fenced = phases["wait for unmaps"]["start_ns"]
    for row in document["timeline"]:
        if row["kind"] not in ("dynamic", "pinned"):
            continue
        assert row["told_ns"] <= row["dma_ended_ns"] <= row["unmapped_ns"]
        assert row["told_ns"] <= invalidated
        assert row["dma_ended_ns"] <= fenced
        assert row["defer_unmap"] or row["unmapped_ns"] <= invalidated
        assert row["passes"] >= 1
        assert row["crc32"] == document["demo"]["crc32"]
        assert row["map"] == row["submit"] == "ENODEV"


def test_demo() -> None:
    document = facts("demo")
    content = Path(document["demo"]["file"]).read_bytes()
    assert os.path.samefile(document["demo"]["file"], COMMAND)
    assert document["demo"]["length"] == len(content)
    assert document["demo"]["crc32"] == zlib.crc32(content)
    assert document["verdict"] == {
        "checks": len(document["checks"]),
        "failed": 0,
        "ok": True,
    }
    assert all(check["ok"] for check in document["checks"])
    check_timeline(document)
    rows = {row["who"]: row for row in document["timeline"]}
    assert rows["legacy static"]["attach"] == "EOPNOTSUPP"
    assert rows["legacy rdma"]["attach"] == "EOPNOTSUPP"
    assert rows["CPU mapping"]["sigbus_ns"] > 0
    wait_until_gone(document["demo"]["id"])


def test_demo_with_legacy_importers() -> None:
    document = facts("demo", "--accept-legacy")
    assert document["verdict"]["ok"] is True
    check_timeline(document)
    rows = {row["who"]: row for row in document["timeline"]}
    for who in ("legacy static", "legacy rdma"):
        assert rows[who]["told_ns"] is None
        assert rows[who]["detached_ns"] >= 250_000_000
    expected = [check["expected"] for check in document["checks"]]
    assert "is held up by legacy: ETIMEDOUT" in expected


def test_demo_of_a_file_for_people(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (PAGE + 1))
    out = run("demo", str(path)).stdout
    assert f"{zlib.crc32(path.read_bytes()):08x}" in out
    assert "Timeline" in out
    assert re.search(r"^dynamic, deferred +#*I", out, re.MULTILINE)
    assert re.search(r"^all ok +yes$", out, re.MULTILINE)
    assert "FAILED" not in out


def test_demo_fails_when_something_does_not_happen() -> None:
    """A control: no pass of the streams can end before the revoke."""
    done = run("demo", "--json", "--limit", "0", "--duration", "1h", status=1)
    document = json.loads(done.stdout)
    failed = [check for check in document["checks"] if not check["ok"]]
    assert document["verdict"] == {
        "checks": len(document["checks"]),
        "failed": len(failed),
        "ok": False,
    }
    assert ("dynamic", "read the same in every pass until then") in [
        (check["subject"], check["expected"]) for check in failed
    ]
    assert f"{len(failed)} of {len(document['checks'])} checks failed" in done.stderr


NO_FILES = [
    ("/nonexistent", "/nonexistent: No such file or directory (ENOENT)"),
    ("/proc", "/proc is not a regular file"),
    ("/dev/zero", "/dev/zero is not a regular file"),
    ("/proc/version", "/proc/version is empty"),
]


def test_demo_of_what_is_no_file() -> None:
    for path, message in NO_FILES:
        assert message in run("demo", path, status=1).stderr


def test_demo_of_too_large_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with open(path, "wb") as file:
        file.truncate(1 << 42)
    assert f"a buffer for {path}: " in run("demo", str(path), status=1).stderr


@pytest.mark.parametrize("seconds", [86400, -3])
def test_demo_in_a_time_namespace(seconds: int) -> None:
    document = facts("demo", before=at(seconds))
    assert document["verdict"]["failed"] == 0
    check_timeline(document)


@pytest.mark.parametrize("seconds", [86400, -3])
def test_timeout_in_a_time_namespace(seconds: int) -> None:
    """It is no more than was asked for, and no less."""
    with held("4k", "--accept-legacy") as (buffer, _):
        where = ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]
        legacy = Process("attach", *where, "--kind", "rdma")
        legacy.read_until(".*mapped.*")
        arguments = ["revoke", str(buffer["id"]), "--timeout", "2s"]
        (row,) = facts(*arguments, status=1, before=at(seconds))["buffers"]
        assert row["error"] == "ETIMEDOUT"
        assert row["fences_ns"] + row["unmaps_ns"] >= 1_900_000_000
        legacy.end(signal.SIGTERM)
