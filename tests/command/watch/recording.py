# SPDX-License-Identifier: GPL-2.0-only
"""What dmabuf-revoke watch records, of a program or of what a test does itself."""
from __future__ import annotations

import copy
import functools
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..run import COMMAND, SOON, default_signals, run

TRACEFS = Path("/sys/kernel/tracing")
OURS = "dmabuf_revoke_watch_"
READY = b"recording until"

Event = dict[str, Any]

#: Of a kernel without BTF, with what it needs instead.
BTF = Path("/sys/kernel/btf/vmlinux")


#: Runs what follows with numbers of processes of its own, as a container has them.
CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc"]


def trace_of(pid: int) -> str:
    """What the instance and the group of probes of a process are called."""
    space = Path("/proc/self/ns/pid")
    # A kernel need not have namespaces of pids.
    return f"{OURS}{pid}_{space.stat().st_ino if space.exists() else 0}"


class Recording:
    """Events in order of time. What is 0 or "" in one is left out of it."""

    def __init__(self, text: str, errors: str = "") -> None:
        origin, *events = map(json.loads, text.splitlines())
        assert origin["dmabuf_revoke_watch"] == 1
        assert origin["kernel"] == os.uname().release
        assert origin["clock"] == "monotonic"
        self.events: list[Event] = events
        self.errors = errors
        times = [event["time_ns"] for event in events]
        assert times == sorted(times)
        for event in events:
            assert event.get("begin_ns", 0) <= event["time_ns"], event

    def of(self, what: str, **members: Any) -> list[Event]:
        """Those of a kind with these members; 0 and "" stand for what is left out."""
        return [
            event
            for event in self.events
            if event["what"] == what
            and all(
                event.get(key, type(value)()) == value for key, value in members.items()
            )
        ]

    def one(self, what: str, **members: Any) -> Event:
        found = self.of(what, **members)
        assert len(found) == 1, f"{what} {members}: {found}"
        return found[0]

    def within(self, inodes: list[int]) -> Recording:
        """Only what happened to these dma-bufs, whose exports are in it."""
        some = copy.copy(self)
        numbers = {self.one("export", inode=inode)["buffer"] for inode in inodes}
        some.events = [e for e in self.events if e.get("buffer") in numbers]
        return some

    def buffers(self, exporter: str) -> list[int]:
        """Numbers of those of an exporter, in order."""
        return [
            event["buffer"]
            for event in self.events
            if event["what"] in ("export", "there") and event.get("name") == exporter
        ]


def options(*given: str) -> list[str]:
    """What watch has to be told of this kernel, if it is to probe it."""
    probes = not BTF.exists() and "--own" not in given
    return ["--offsets", str(offsets())] if probes else []


def offsets() -> Path:
    """A file of the running kernel's, made once."""
    path = Path("/tmp/dmabuf-revoke-offsets")
    if not path.exists():
        build = Path("/lib/modules", os.uname().release, "build/include")
        if not build.exists():
            pytest.skip(f"no {build}: install the headers of this kernel")
        done = subprocess.run(
            [str(Path(COMMAND).parent / "dmabuf-revoke-offsets")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            # Headers of the kernel take an emulated compiler a while.
            timeout=5 * SOON,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        path.write_text(done.stdout)
    return path


def record(*program: str, more: tuple[str, ...] = ()) -> Recording:
    """Of a program, which is to succeed."""
    done = run(
        "watch", "--json", *options(*more), *more, "--", *program, limit=2 * SOON
    )
    assert "exited with" not in done.stderr, done.stderr
    return Recording(done.stdout, done.stderr)


@functools.cache
def recorded_demo() -> Recording:
    """Recorded within the first test that asks for it, whose gates surround that."""
    return record(COMMAND, "demo")


class Watch:
    """One that records what the test does meanwhile."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, "watch", "--json", *options(*arguments), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            preexec_fn=default_signals,
        )
        self.recording: Recording | None = None

    def await_ready(self) -> None:
        assert self.process.stderr
        errors = b""
        deadline = time.monotonic() + SOON
        while READY not in errors:
            left = deadline - time.monotonic()
            ready = select.select([self.process.stderr], [], [], max(left, 0))[0]
            data = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            assert data, f"watch does not begin: {errors.decode()}"
            errors += data

    def end(self) -> Recording:
        self.process.send_signal(signal.SIGINT)
        out, errors = self.process.communicate(timeout=SOON)
        assert self.process.returncode == 0, errors.decode()
        return Recording(out.decode(), errors.decode())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def drop(self) -> None:
        """After a failure: in order, if it can."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.communicate(timeout=SOON)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def watching(*arguments: str) -> Iterator[Watch]:
    """end() gives what was recorded."""
    watch = Watch(*arguments)
    try:
        watch.await_ready()
        yield watch
    finally:
        watch.drop()


def left_in_tracefs() -> list[str]:
    """Instances and probes of ours."""
    instances = [path.name for path in (TRACEFS / "instances").iterdir()]
    probes = (TRACEFS / "kprobe_events").read_text().splitlines()
    return [name for name in [*instances, *probes] if OURS in name]


@pytest.fixture(autouse=True)
def nothing_left(one_cpu: None) -> Iterator[None]:
    """However it ended. Probes patch the kernel's text."""
    yield
    assert left_in_tracefs() == []
