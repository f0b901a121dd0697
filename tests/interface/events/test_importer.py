# SPDX-License-Identifier: GPL-2.0-only
"""The importer's events, each where it belongs, with what it says."""
from __future__ import annotations

import errno
import os

import pytest

from tests.lib import life
from tests.lib.outcome import refused

from .conftest import World
from .instance import Pipe

OWN_DEVICE = "dmabuf-revoke-importer"

KINDS = ["dynamic", "pinned", "legacy-static", "legacy-rdma"]
ENGINE_CPU = 1

NO_TELL, TELL_IN_MAP = 1 << 3, 1 << 20

#: As in the header, from bit 0 on.
BUGS = [
    "ignore",
    "no-unmap",
    "late-unmap",
    "slow-callback",
    "late-fence",
    "stuck-fence",
    "fence-error",
    "fence-after",
    "new-dma",
    "remap",
    "dma-after-unmap",
    "keep-pin",
    "revive",
    "double-unpin",
    "skip-kernel-fence",
    "kernel-fence",
    "wrong-range",
    "one-segment",
    "clear-only",
    "loop-on-error",
    "fence-outlives",
    "stale",
]
DELAYED = {
    "late-unmap",
    "slow-callback",
    "late-fence",
    "fence-after",
    "loop-on-error",
    "fence-outlives",
}
PINNED = {"keep-pin", "revive"}
#: What a worker does, and close() would prevent.
LATER: dict[str, tuple[str, str, object]] = {
    "new-dma": ("dbi_job_started", "seqno", 2),
    "fence-after": ("dbi_fence_added", "usage", "BOOKKEEP"),
    "dma-after-unmap": ("dbi_misbehave", "bug", "dma-after-unmap"),
}
DELAY_NS = 20_000_000
PASS_NS = 1_000_000


def at(buffer: life.Buffer) -> dict[str, object]:
    """What every event of an attachment of the buffer has."""
    return {"ino": os.fstat(buffer.fd).st_ino, "dev_name": OWN_DEVICE}


@pytest.mark.parametrize("kind", range(4), ids=KINDS)
def test_attach_and_detach(trace: Pipe, world: World, kind: int) -> None:
    buffer = world.buffer(flags=life.ACCEPT_LEGACY)
    world.close(world.attachment(buffer, kind))
    attach = trace.one("dbi_attach", **at(buffer))
    assert attach.fields["kind"] == KINDS[kind]
    assert attach.number("flags") == attach.number("misbehave") == 0
    assert attach.number("engine") == ENGINE_CPU
    assert attach.number("ret") == 0
    assert attach.number("context") > 0
    detach = trace.one("dbi_detach", **at(buffer))
    seen = trace.one("dbr_attach", id=buffer.id)
    assert detach.fields["attach"] == attach.fields["attach"] == seen.fields["attach"]


def test_attach_that_fails(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    error = refused(lambda: life.attach(buffer.fd, life.LEGACY_STATIC))
    assert error == errno.EOPNOTSUPP
    event = trace.one("dbi_attach", **at(buffer))
    assert event.number("ret") == -errno.EOPNOTSUPP
    assert not event.fields["attach"].strip("0")
    assert not trace.of("dbi_detach")


def test_pin_and_unpin(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    world.close(world.attachment(buffer, life.PINNED))
    assert trace.one("dbi_pin", **at(buffer)).number("ret") == 0
    trace.one("dbi_unpin", **at(buffer))
    assert buffer.revoke(life.FOREVER, suspend=True)
    trace.clear()
    assert refused(lambda: life.attach(buffer.fd, life.PINNED)) == errno.ENODEV
    assert trace.one("dbi_pin", **at(buffer)).number("ret") == -errno.ENODEV
    assert not trace.of("dbi_unpin")
    trace.one("dbi_detach", **at(buffer))


def test_map_and_unmap(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer)
    for number in (1, 2):
        life.map_it(attachment)
        life.unmap(attachment)
        event = trace.one("dbi_map", map=number, **at(buffer))
        assert event.fields["dir"] == "BIDIRECTIONAL"
        assert event.number("nents") >= 1
        assert event.number("ret") == 0
        trace.one("dbi_unmap", map=number, **at(buffer))
    assert buffer.revoke(life.FOREVER)
    assert refused(lambda: life.map_it(attachment)) == errno.ENODEV
    assert trace.one("dbi_map", map=3, **at(buffer)).number("ret") == -errno.ENODEV


def test_job_and_its_fence(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer)
    job = life.submit(attachment, offset=life.PAGE, length=512)
    assert life.wait(attachment, job, life.FOREVER) == 0
    context = trace.one("dbi_attach", **at(buffer)).number("context")
    wanted: dict[str, object] = {"context": context, "seqno": job, **at(buffer)}
    assert trace.one("dbi_fence_added", **wanted).fields["usage"] == "READ"
    queued = trace.one("dbi_job_queued", **wanted)
    assert (queued.number("offset"), queued.number("size")) == (life.PAGE, 512)
    assert (queued.fields["op"], queued.number("flags")) == ("read", 0)
    assert trace.one("dbi_job_started", **wanted).number("map") == 1
    assert queued.number("map") == 1
    ended = trace.one("dbi_job_ended", **wanted)
    assert (ended.number("passes"), ended.number("ret")) == (1, 0)
    assert [name for name in trace.names() if "job" in name] == [
        "dbi_job_queued",
        "dbi_job_started",
        "dbi_job_ended",
    ]


def test_job_that_never_starts(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer, flags=life.DEFER_UNMAP)
    # Longer than it takes to revoke, on a kernel that is slow by itself, too.
    first = life.submit(attachment, 2_000_000_000)
    second = life.submit(attachment, 0)
    life.until_taken_up(attachment)
    assert buffer.revoke(life.FOREVER)
    trace.one("dbi_job_started", seqno=first, **at(buffer))
    assert not trace.of("dbi_job_started", seqno=second)
    ended = trace.one("dbi_job_ended", seqno=second, **at(buffer))
    assert ended.number("ret") == -errno.ECANCELED


@pytest.mark.parametrize("kind", [life.DYNAMIC, life.PINNED], ids=KINDS[:2])
def test_told(trace: Pipe, world: World, kind: int) -> None:
    buffer = world.buffer()
    life.map_it(world.attachment(buffer, kind))
    trace.clear()
    assert buffer.revoke(life.FOREVER)
    begin = trace.one("dbi_told_begin", **at(buffer))
    assert trace.one("dbi_told_end", **at(buffer)).fields == begin.fields
    names = trace.names()
    for inner in ("dbi_unmap", "dbr_unmap"):
        inside = names[names.index("dbi_told_begin") : names.index("dbi_told_end")]
        assert inner in inside
    outer = names[names.index("dbr_invalidate_begin") :]
    outer = outer[: outer.index("dbr_invalidate_end")]
    assert "dbi_told_begin" in outer and "dbi_told_end" in outer


def test_control_who_is_not_told(trace: Pipe, world: World) -> None:
    buffer = world.buffer(faults=NO_TELL)
    attachment = world.attachment(buffer)
    assert buffer.revoke(life.FOREVER)
    assert not trace.of("dbi_told_begin") and not trace.of("dbi_told_end")
    world.close(attachment)


def live_and_die(trace: Pipe, world: World, bug: str) -> None:
    """A life in which each bug has its occasion: a job beside which another waits, a revoke, and
    a map after it.
    """
    faults = TELL_IN_MAP if bug == "stale" else 0
    buffer = world.buffer(flags=life.QUARANTINE, faults=faults)
    attachment = world.attachment(
        buffer,
        life.PINNED if bug in PINNED else life.DYNAMIC,
        0,
        1 << BUGS.index(bug) if bug in BUGS else 0,
        DELAY_NS if bug in DELAYED else 0,
    )
    for flags in (life.STREAM, 0):
        life.submit(attachment, PASS_NS, offset=life.PAGE, length=512, flags=flags)
    trace.until("dbi_job_started", seqno=1, **at(buffer))
    buffer.revoke()
    if bug in LATER:
        name, field, value = LATER[bug]
        trace.until(name, **{field: value}, **at(buffer))
    refused(lambda: life.map_it(attachment))
    world.close(attachment)
    buffer.revoke(life.FOREVER)


@pytest.mark.parametrize("bug", BUGS)
def test_misbehaviour_is_named_where_it_is_at_work_warns_unpin(
    trace: Pipe, world: World, bug: str
) -> None:
    live_and_die(trace, world, bug)
    assert {event.fields["bug"] for event in trace.of("dbi_misbehave")} == {bug}


def test_control_who_behaves_is_not_named(trace: Pipe, world: World) -> None:
    live_and_die(trace, world, "none")
    assert not trace.of("dbi_misbehave")
    trace.one("dbi_told_begin")


def test_control_bug_without_an_occasion_is_not_named(
    trace: Pipe, world: World
) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer, misbehave=life.NO_UNMAP)
    life.map_it(attachment)
    world.close(attachment)
    assert trace.one("dbi_attach").number("misbehave") == life.NO_UNMAP
    assert not trace.of("dbi_misbehave")


@pytest.mark.parametrize("bug", ["fence-after", "fence-outlives"])
def test_fence_that_is_left_is_seen(trace: Pipe, world: World, bug: str) -> None:
    live_and_die(trace, world, bug)
    own = trace.one("dbi_attach").number("context")
    strange = [
        event
        for event in trace.of("dbi_fence_added", usage="BOOKKEEP")
        if event.number("context") != own
    ]
    assert len(strange) == 1 and strange[0].number("seqno") == 1
