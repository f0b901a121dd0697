# SPDX-License-Identifier: GPL-2.0-only
"""What trace-cmd records here, watch --from shows as what it has recorded itself."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from ..run import COMMAND, SOON, default_signals, run
from .recording import TRACEFS, Event, nothing_left, recorded_demo, trace_of, watching

__all__ = ["nothing_left"]  # a fixture

OF_OURS = ["-e", "dmabuf_revoke_exporter", "-e", "dmabuf_revoke_importer"]
SYSTEMS = ["dma_fence", "dma_buf", "lock"]


@pytest.fixture(scope="module", autouse=True)
def library() -> Iterator[None]:
    """The command has it, and the program is there."""
    if not shutil.which("trace-cmd"):
        pytest.skip("no trace-cmd: install it")
    with open(COMMAND, "rb") as file:
        if b"tracecmd_open_fd" not in file.read():
            pytest.skip("built without libtracecmd: install libtracecmd-dev")
    yield


def systems() -> list[str]:
    there = [name for name in SYSTEMS if (TRACEFS / "events" / name).exists()]
    return [word for name in there for word in ("-e", name)]


def trace(path: Path, *words: str) -> None:
    """Let trace-cmd record it."""
    command = ["trace-cmd", "record", "-q", "-C", "mono", "-o", str(path), *words]
    subprocess.run(
        command,
        cwd=path.parent,
        check=True,
        timeout=2 * SOON,
        preexec_fn=default_signals,
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trace")


def demo(folder: Path) -> Path:
    """One recording for all, made within the first test, whose gates surround that."""
    path, begun = folder / "trace.dat", folder / "begun.dat"
    if not path.exists():
        trace(begun, *OF_OURS, *systems(), COMMAND, "demo")
        begun.rename(path)
    return path


def read(path: Path) -> list[Event]:
    """As watch reads it."""
    done = run("watch", "--from", str(path), "--json", limit=SOON)
    assert "broken" not in done.stderr
    origin, *events = map(json.loads, done.stdout.splitlines())
    assert origin["dmabuf_revoke_watch"] == 1
    assert isinstance(events, list)
    return events


def calls(events: list[Event]) -> list[tuple[str, int, int]]:
    """What both ways have to agree on: of whom, and what it returned."""
    kinds = "export attach detach map unmap told invalidate fence_add fence_signal state".split()
    # That the core pins or maps by itself is to be seen by probes only.
    return sorted(
        (e["what"], e.get("attach", 0), e.get("result", 0))
        for e in events
        if e["what"] in kinds and not e.get("name", "").startswith(("by ", "cached"))
    )


def test_events_alone(folder: Path) -> None:
    """The demo: the same as what probes see, without one."""
    events = read(demo(folder))
    recorded = recorded_demo()
    assert not recorded.of("lost")
    expected = calls(recorded.events)
    # Where the core pins for each map, our exporter refuses one as that.
    pins = [e for e in events if e["what"] == "pin" and e.get("result", 0) < 0]
    if pins:
        refused = [call for call in expected if call[0] == "map" and call[2] < 0]
        assert sorted(e["attach"] for e in pins) == [attach for _, attach, _ in refused]
        expected = [call for call in expected if call not in refused]
    assert calls(events) == expected
    told = [event for event in events if event["what"] == "told"]
    assert len(told) == 3
    assert all(event["begin_ns"] < event["time_ns"] for event in told)
    assert {event["comm"] for event in told} == {"dmabuf-revoke"}


def test_it_is_drawn(folder: Path) -> None:
    text = run("watch", "--from", str(demo(folder))).stdout
    for row in ("exporter dmabuf_revoke_exporter", "importer 3: ", "fences ", "CPU"):
        assert row in text


def test_probes_of_watch(tmp_path: Path) -> None:
    """They are there while it records: trace-cmd may have them, too."""
    with watching() as watch:
        group = trace_of(watch.process.pid)
        words = ["-e", group, *OF_OURS, *systems()]
        trace(tmp_path / "trace.dat", *words, COMMAND, "demo")
        recording = watch.end()
    events = read(tmp_path / "trace.dat")
    assert calls(events) == calls(recording.events)
    locks = [event for event in events if event["what"] == "lock"]
    assert locks and all(event["begin_ns"] <= event["time_ns"] for event in locks)


def test_broken(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "trace.dat"
    shutil.copyfile(demo(folder), path)
    size = path.stat().st_size
    for length in (size // 2, 4096, 100, 12):
        os.truncate(path, length)
        done = run("watch", "--from", str(path), "--json", status=1)
        assert f"watch: {path}" in done.stderr and not done.stdout
