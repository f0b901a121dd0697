# SPDX-License-Identifier: GPL-2.0-only
"""What our modules say by their trace events, without a probe: on every kernel, to the word."""
from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lib import features, foreign, ioctls, life

from ..run import COMMAND, held, no_process_left, run
from .recording import (
    TRACEFS,
    Recording,
    Watch,
    left_in_tracefs,
    nothing_left,
    record,
    trace_of,
    watching,
)
from .test_impossible import hiding, hiding_btf

__all__ = ["no_process_left", "nothing_left"]  # fixtures

EXPORTER, IMPORTER = "dmabuf_revoke_exporter", "dmabuf_revoke_importer"
DEVICE = "dmabuf-revoke-importer"
ENODEV, EOPNOTSUPP, ECANCELED = -19, -95, -125
TELL_TWICE = 1 << 4

#: What a recording of ours alone has instead of --offsets.
OWN = "--own"
FALLBACK = "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF): only what our modules say"


@pytest.fixture(autouse=True)
def with_events() -> None:
    if not (TRACEFS / "events" / EXPORTER).exists():
        pytest.skip(f"no events of {EXPORTER}: CONFIG_EVENT_TRACING")


@pytest.fixture
def exporter() -> Iterator[int]:
    file = ioctls.open_node(ioctls.EXPORTER)
    yield file
    os.close(file)


def core_pins_each_map() -> bool:
    return "MAP_UNPINNED" in features.missing()


def words(recording: Recording, buffer: int) -> list[str]:
    """What happened to it, in order: a word each, with what tells one from another."""
    events = [e for e in recording.events if e.get("buffer") == buffer]
    assert all(event["ours"] == 1 for event in events)
    named = ("state", "mark")
    return [
        event["what"]
        + (f" {event['name']}" if event["what"] in named else "")
        + (f" {event['result']}" if "result" in event else "")
        for event in events
    ]


def mapped() -> list[str]:
    return ["pin", "map"] if core_pins_each_map() else ["map"]


def unmapped() -> list[str]:
    return ["unmap", "unpin"] if core_pins_each_map() else ["unmap"]


def refused() -> list[str]:
    """The core has asked for a pin, and that was refused."""
    return [f"{call} {ENODEV}" for call in mapped()]


def invalidated(*inside: str) -> list[str]:
    return [*inside, "told", "invalidate"]


BEFORE = ["export", "attach"]
JOB = ["fence_add", "mark job_queued", "job", "fence_signal"]
AFTER = ["zap", "mark give_back", "state revoked"]


def only(recording: Recording) -> int:
    assert not recording.of("lost"), recording.errors
    buffer: int = recording.one("export", name=EXPORTER)["buffer"]
    return buffer


def live(file: int, faults: int = 0) -> None:
    """A life of a buffer with one importer, which has mapped it when it is revoked."""
    buffer = life.alloc(file, life.PAGE, faults=faults)
    attachment = life.attach(buffer.fd)
    life.map_it(attachment)
    job = life.submit(attachment, 0)
    life.wait(attachment, job, life.FOREVER)
    assert buffer.revoke(life.FOREVER)
    with pytest.raises(OSError):
        life.map_it(attachment)
    os.close(attachment)
    os.close(buffer.fd)


def whole_life() -> list[str]:
    return [
        *BEFORE,
        *mapped(),
        *JOB,
        "state revoking",
        *invalidated(*unmapped()),
        *AFTER,
        *refused(),
        "detach",
    ]


def test_sequence_of_a_revoke(exporter: int) -> None:
    with watching(OWN) as watch:
        live(exporter)
        recording = watch.end()
    buffer = only(recording)
    assert words(recording, buffer) == whole_life()
    assert {event["buffer"] for event in recording.events} == {buffer}
    export = recording.one("export")
    assert export["size"] == life.PAGE and export["pid"] == os.getpid()
    attached = recording.one("attach", name="revocable", device=DEVICE)
    attach = attached["attach"]
    for what in ("map", "unmap", "told", "job", "fence_add", "fence_signal", "detach"):
        assert recording.of(what)[0]["attach"] == attach, what
    added, signalled = recording.one("fence_add"), recording.one("fence_signal")
    job = recording.one("job")
    for event in (signalled, job):
        assert event["context"] == added["context"]
        assert event["seqno"] == added["seqno"]
    assert signalled["name"] == f"{DEVICE} dynamic"
    told, invalidate = recording.one("told"), recording.one("invalidate")
    assert job["begin_ns"] <= job["time_ns"] <= signalled["time_ns"]
    assert invalidate["begin_ns"] <= told["begin_ns"]
    assert told["begin_ns"] <= recording.one("unmap")["time_ns"] <= told["time_ns"]


def test_told_twice_by_fault(exporter: int) -> None:
    """A control of the one above."""
    with watching(OWN) as watch:
        live(exporter, faults=TELL_TWICE)
        recording = watch.end()
    got = words(recording, only(recording))
    assert got != whole_life()
    expected = whole_life()
    first = expected.index("invalidate") + 1
    assert got == [*expected[:first], *invalidated(), *expected[first:]]


def test_attach_that_is_refused(exporter: int) -> None:
    """Once, by the exporter, without a number; each kind by its name."""
    kinds = (life.DYNAMIC, life.PINNED, life.LEGACY_STATIC, life.LEGACY_RDMA)
    with watching(OWN) as watch:
        buffer = life.alloc(exporter, life.PAGE)
        for kind in kinds:
            try:
                os.close(life.attach(buffer.fd, kind))
            except OSError:
                pass
        os.close(buffer.fd)
        recording = watch.end()
    only(recording)
    found = [
        (event.get("name", ""), event.get("result", 0), "attach" in event)
        for event in recording.of("attach")
    ]
    assert found[:2] == [("revocable", 0, True)] * 2
    assert found[2:] == [("", EOPNOTSUPP, False), ("dynamic", EOPNOTSUPP, False)]


def test_whose_fence_is_awaited(exporter: int) -> None:
    """One that is on the buffer after its importer has unmapped, as it does its work."""
    with watching(OWN) as watch:
        buffer = life.alloc(exporter, life.PAGE)
        attachment = life.attach(buffer.fd, flags=life.DEFER_UNMAP)
        life.map_it(attachment)
        life.submit(attachment, 2_000_000_000)
        life.until_taken_up(attachment)
        assert buffer.revoke(life.FOREVER)
        os.close(attachment)
        os.close(buffer.fd)
        recording = watch.end()
    attach = recording.one("attach")["attach"]
    wait = recording.one("fence_wait", attach=attach)
    signalled = recording.one("fence_signal", attach=attach)
    assert (wait["context"], wait["seqno"]) == (
        signalled["context"],
        signalled["seqno"],
    )
    assert wait["begin_ns"] <= signalled["time_ns"] <= wait["time_ns"]


def test_unfinished_at_the_end(exporter: int) -> None:
    with watching(OWN) as watch:
        buffer = life.alloc(exporter, life.PAGE)
        attachment = life.attach_mapped(buffer.fd)
        life.submit(attachment, 1_000_000, flags=life.STREAM)
        life.until_taken_up(attachment)
        recording = watch.end()
        buffer.revoke(life.FOREVER)
        os.close(attachment)
        os.close(buffer.fd)
    job = recording.one("job")
    assert job["unfinished"] == 1 and job["begin_ns"] < job["time_ns"]
    assert not recording.of("fence_signal")


@pytest.mark.parametrize("allocate", [foreign.heap_buffer, foreign.udmabuf_buffer])
def test_buffer_of_another_exporter(allocate: Callable[[], int]) -> None:
    """Only the importer can say what happens to it."""
    with watching(OWN) as watch:
        buffer = allocate()
        inode = os.fstat(buffer).st_ino
        attachment = life.attach(buffer, life.PINNED)
        life.map_it(attachment)
        job = life.submit(attachment, 0)
        life.wait(attachment, job, life.FOREVER)
        life.unmap(attachment)
        os.close(attachment)
        os.close(buffer)
        recording = watch.end()
    there = recording.one("there", inode=inode, name="")
    expected = ["there", "attach", "pin", "map", *JOB, "unmap", "unpin", "detach"]
    assert words(recording, there["buffer"]) == expected
    recording.one("attach", name="pinned", device=DEVICE)


def test_what_was_there_before(exporter: int) -> None:
    """It has its exporter and its size; an attachment is there when something happens to it."""
    buffer = life.alloc(exporter, 2 * life.PAGE, flags=life.QUARANTINE)
    attachment = life.attach_mapped(buffer.fd)
    with watching(OWN) as watch:
        buffer.revoke(life.FOREVER)
        os.close(attachment)
        recording = watch.end()
    os.close(buffer.fd)
    there = recording.one("there", name=f"{EXPORTER}-quarantine", size=2 * life.PAGE)
    unmap = recording.one("unmap", buffer=there["buffer"], device=DEVICE)
    assert recording.one("detach")["attach"] == unmap["attach"]
    assert recording.one("told")["attach"] == unmap["attach"]


def test_what_is_not_chosen_is_left_out(exporter: int) -> None:
    chosen, other = life.alloc(exporter, life.PAGE), life.alloc(exporter, life.PAGE)
    with watching(OWN, "--id", str(chosen.id)) as watch:
        for buffer in (other, chosen):
            buffer.revoke(life.FOREVER)
        recording = watch.end()
    inode = os.fstat(chosen.fd).st_ino
    assert {event["inode"] for event in recording.events} == {inode}
    assert recording.one("invalidate")
    for buffer in (other, chosen):
        os.close(buffer.fd)


def test_it_is_read_while_it_is_recorded(exporter: int) -> None:
    """More than the ring holds, in order, with state kept: each life is the same."""
    lives = 100
    with watching(OWN, "--ring", "32k") as watch:
        for _ in range(lives):
            live(exporter)
        recording = watch.end()
    assert not recording.of("lost"), recording.errors
    # An entry takes more than its three fields at least.
    assert 40 * len(recording.events) > 32 * 1024
    assert recording.buffers(EXPORTER) == list(range(1, lives + 1))
    expected = whole_life()
    for buffer in range(1, lives + 1):
        assert words(recording, buffer) == expected
    attached = [event["attach"] for event in recording.of("attach")]
    assert attached == list(range(1, lives + 1))


def test_what_was_lost_is_said() -> None:
    """Nobody reads while the demos run, so that they cannot fit."""
    demos = f"for each in 1 2 3 4 5 6; do {COMMAND} demo >/dev/null; done"
    script = f"kill -STOP $PPID; {demos}; kill -CONT $PPID"
    recording = record("sh", "-c", script, more=(OWN, "--ring", "4k"))
    assert sum(event["size"] for event in recording.of("lost")) > 10
    assert re.search(r"watch: \d+ entries of the trace were lost", recording.errors)


def test_nothing_is_lost_otherwise() -> None:
    """The control of the one above."""
    recording = record(COMMAND, "demo", more=(OWN,))
    assert not recording.of("lost") and "lost" not in recording.errors


def test_the_next_one_removes_what_a_killed_one_has_left() -> None:
    with held("4k"):
        watch = Watch(OWN)
        watch.await_ready()
        watch.kill()
        assert any(trace_of(watch.process.pid) in name for name in left_in_tracefs())
        run("watch", OWN, "--json", "--", "true")
    assert left_in_tracefs() == []


def events_of(module: str) -> Path:
    return TRACEFS / "events" / module


@pytest.mark.parametrize("hidden", [EXPORTER, IMPORTER])
def test_without_btf_our_modules_say_it(hidden: str) -> None:
    """One of them is enough, and that it is not all is said."""
    arguments = ["watch", "--json", "--", COMMAND, "demo"]
    done = run(*arguments, before=hiding_btf(events_of(hidden)))
    assert FALLBACK in done.stderr
    recording = Recording(done.stdout, done.stderr)
    # Ours are seen by both, told by the importer, invalidated by the exporter.
    assert len(recording.of("told")) == (3 if hidden == EXPORTER else 0)
    assert len(recording.of("invalidate")) == (0 if hidden == EXPORTER else 1)
    assert len(recording.of("map", result=0)) >= 3


def test_without_our_modules_it_is_impossible() -> None:
    before = hiding(events_of(EXPORTER), events_of(IMPORTER))
    done = run("watch", OWN, "--", "true", before=before, status=77)
    assert f"modprobe -a {EXPORTER} {IMPORTER}" in done.stderr


def test_usage() -> None:
    arguments = ["watch", OWN, "--offsets", "x", "--", "true"]
    assert "--own needs no --offsets" in run(*arguments, status=2).stderr
    done = run("watch", OWN, "--from", "x", status=2)
    assert "--from shows a recording, and records nothing" in done.stderr
