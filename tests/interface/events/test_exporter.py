# SPDX-License-Identifier: GPL-2.0-only
"""The exporter's events, each where it belongs, with what it says."""
from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct

import pytest

from tests.lib import features, life
from tests.lib.life import PAGE
from tests.lib.outcome import refused
from tests.lib.parameters import Parameters

from .conftest import World
from .instance import Event, Pipe

OWN_DEVICE = "dmabuf-revoke-importer"

NO_UNMAP_WAIT, NO_TELL, TELL_TWICE = 1 << 2, 1 << 3, 1 << 4
NO_ZAP, LATE_MAP = 1 << 5, 1 << 6
DMA_AFTER_UNMAP, DOUBLE_UNPIN = 1 << 10, 1 << 13

_SYNC, _READ, _END = 0x40086200, 1 << 0, 1 << 2

NOPAGE, SIGBUS = 0x100, 0x2


def inode(buffer: life.Buffer) -> int:
    return os.fstat(buffer.fd).st_ino


def sync(buffer: life.Buffer, flags: int = _READ) -> None:
    fcntl.ioctl(buffer.fd, _SYNC, struct.pack("=Q", flags))


def core_pins_each_map() -> bool:
    return "MAP_UNPINNED" in features.missing()


def at(buffer: life.Buffer) -> dict[str, int]:
    """What every event of a buffer has."""
    return {"id": buffer.id, "ino": inode(buffer)}


def test_alloc_and_export(trace: Pipe, world: World) -> None:
    buffer = world.buffer(mmap.PAGESIZE + 1, life.ACCEPT_LEGACY, NO_TELL)
    event = trace.one("dbr_alloc", **at(buffer))
    assert event.number("size") == 2 * mmap.PAGESIZE
    assert event.number("flags") == life.ACCEPT_LEGACY
    assert event.number("faults") == NO_TELL
    assert event.number("fd") == buffer.fd
    assert event.number("shape") == 0
    fd = world.export(buffer)
    assert trace.one("dbr_export", **at(buffer)).number("fd") == fd


@pytest.mark.parametrize(
    "kind, dynamic, revocable",
    [(0, 1, 1), (1, 1, 1), (2, 0, 0), (3, 1, 0)],
    ids=["dynamic", "pinned", "legacy_static", "legacy_rdma"],
)
@pytest.mark.parametrize("accept", [True, False], ids=["accept", "refuse"])
def test_attach_and_detach(
    trace: Pipe, world: World, kind: int, dynamic: int, revocable: int, accept: bool
) -> None:
    buffer = world.buffer(flags=life.ACCEPT_LEGACY if accept else 0)
    admitted = accept or bool(revocable)
    error = refused(lambda: world.attachment(buffer, kind))
    assert error == (0 if admitted else errno.EOPNOTSUPP)
    event = trace.one("dbr_attach", **at(buffer))
    assert event.fields["dev_name"] == OWN_DEVICE
    assert event.number("is_dynamic") == dynamic
    assert event.number("revocable") == revocable
    assert event.number("peer2peer") == 0
    assert event.number("admitted") == admitted
    assert event.number("ret") == -error
    calls = [event.fields["call"] for event in trace.of("dbr_refused", **at(buffer))]
    assert calls == ([] if admitted else ["attach"])


def test_detach_is_of_the_same_attachment(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    world.close(world.attachment(buffer))
    attached, detached = trace.one("dbr_attach"), trace.one("dbr_detach", **at(buffer))
    assert detached.fields["attach"] == attached.fields["attach"]
    assert detached.number("pins") == 0


def test_pin_and_unpin(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer, life.PINNED)
    assert trace.one("dbr_pin", **at(buffer)).number("pins") == 1
    world.close(attachment)
    assert trace.one("dbr_unpin", **at(buffer)).number("pins") == 0
    assert trace.one("dbr_detach", **at(buffer)).number("pins") == 0


def test_map_and_unmap(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    first, second = world.attachment(buffer), world.attachment(buffer)
    life.map_it(first)
    life.map_it(second)
    life.unmap(first)
    mapped = trace.of("dbr_map", **at(buffer))
    assert [event.number("maps") for event in mapped] == [1, 2]
    assert {event.fields["dir"] for event in mapped} == {"BIDIRECTIONAL"}
    assert all(event.number("nents") >= 1 for event in mapped)
    assert {event.number("moves") for event in mapped} == {0}
    assert {event.fields["dev_name"] for event in mapped} == {OWN_DEVICE}
    unmapped = trace.one("dbr_unmap", **at(buffer))
    assert unmapped.number("maps") == 1
    assert unmapped.fields["attach"] == mapped[0].fields["attach"]


def test_revoke_of_an_idle_importer_in_its_order(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    life.map_it(world.attachment(buffer))
    trace.clear()
    assert buffer.revoke(life.FOREVER)
    importers = [name for name in trace.names() if name.startswith("dbi_")]
    assert trace.names("dbr_pin", "dbr_unpin", *importers) == [
        "dbr_state",
        "dbr_invalidate_begin",
        "dbr_unmap",
        "dbr_invalidate_end",
        "dbr_zap",
        "dbr_give_back",
        "dbr_state",
    ]
    states = [
        (event.fields["old"], event.fields["state"])
        for event in trace.of("dbr_state", **at(buffer))
    ]
    assert states == [("live", "revoking"), ("revoking", "revoked")]
    back = trace.one("dbr_give_back", **at(buffer))
    assert (back.number("size"), back.number("kept")) == (2 * PAGE, 0)
    for name in ("dbr_invalidate_begin", "dbr_invalidate_end", "dbr_zap"):
        trace.one(name, **at(buffer))
    assert not trace.of("dbr_late")


@pytest.mark.parametrize("fault, times", [(NO_TELL, 0), (0, 1), (TELL_TWICE, 2)])
def test_invalidation_is_seen_as_often_as_it_comes(
    trace: Pipe, world: World, fault: int, times: int
) -> None:
    buffer = world.buffer(faults=fault)
    assert buffer.revoke(life.FOREVER)
    assert len(trace.of("dbr_invalidate_begin", **at(buffer))) == times
    assert len(trace.of("dbr_invalidate_end", **at(buffer))) == times


@pytest.mark.parametrize("fault, times", [(NO_ZAP, 0), (0, 1)])
def test_zap_is_seen_if_there_is_one(
    trace: Pipe, world: World, fault: int, times: int
) -> None:
    buffer = world.buffer(faults=fault)
    assert buffer.revoke(life.FOREVER)
    assert len(trace.of("dbr_zap", **at(buffer))) == times


def test_quarantined_memory_is_kept(trace: Pipe, world: World) -> None:
    buffer = world.buffer(flags=life.QUARANTINE)
    assert buffer.revoke(life.FOREVER)
    assert trace.one("dbr_give_back", **at(buffer)).number("kept") == 1
    assert buffer.free()[0] == 0
    assert not trace.of("dbr_late")


def test_fence_is_awaited_and_done(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer, flags=life.DEFER_UNMAP)
    job = life.submit(attachment, 2_000_000_000)
    life.until_taken_up(attachment)
    assert buffer.revoke(life.FOREVER)
    awaited = trace.one("dbr_fence_awaited", **at(buffer))
    added = trace.one("dbi_fence_added", ino=inode(buffer))
    for field in ("context", "seqno"):
        assert awaited.fields[field] == added.fields[field]
    assert awaited.number("seqno") == job
    done = trace.one("dbr_fence_done", **at(buffer))
    assert done.fields == {**awaited.fields, "ret": "0"}
    names = trace.names()
    assert names.index("dbr_fence_awaited") < names.index("dbi_job_ended")
    assert names.index("dbi_job_ended") < names.index("dbr_fence_done")
    assert names.index("dbr_fence_done") < names.index("dbr_give_back")


def refusals(trace: Pipe, buffer: life.Buffer) -> list[tuple[str, int]]:
    return [
        (event.fields["call"], event.number("ret"))
        for event in trace.of("dbr_refused", **at(buffer))
    ]


def test_what_is_refused_after_a_revoke(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer)
    life.map_it(attachment)
    assert not refusals(trace, buffer)
    assert buffer.revoke(life.FOREVER)
    calls = {
        "pin" if core_pins_each_map() else "map": lambda: life.map_it(attachment),
        "attach": lambda: life.attach(buffer.fd),
        "begin_cpu_access": lambda: sync(buffer),
        "end_cpu_access": lambda: sync(buffer, _READ | _END),
        "mmap": lambda: mmap.mmap(buffer.fd, PAGE),
    }
    for call in calls.values():
        assert refused(call) == errno.ENODEV
    assert refusals(trace, buffer) == [(call, -errno.ENODEV) for call in calls]
    (of_map, of_attach, *of_cpu) = trace.of("dbr_refused")
    assert of_map.fields["attach"] == trace.of("dbr_map")[0].fields["attach"]
    assert of_attach.fields["dev_name"] == OWN_DEVICE
    for event in of_cpu:
        assert not event.fields["attach"].strip("0")
        assert event.fields["dev_name"] == ""


def test_pin_that_is_refused(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    assert buffer.revoke(life.FOREVER, suspend=True)
    assert refused(lambda: life.attach(buffer.fd, life.PINNED)) == errno.ENODEV
    assert refusals(trace, buffer) == [("pin", -errno.ENODEV)]
    assert not trace.of("dbr_pin") and not trace.of("dbr_unpin")


def test_vmap_and_vunmap(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer)
    life.vmap(attachment)
    assert trace.one("dbr_vmap", **at(buffer)).number("vmaps") == 1
    life.vunmap(attachment)
    assert trace.one("dbr_vunmap", **at(buffer)).number("vmaps") == 0


def test_refused_vmap_warns_vmap(trace: Pipe, world: World) -> None:
    buffer = world.buffer(flags=1 << 3)
    attachment = world.attachment(buffer)
    assert refused(lambda: life.vmap(attachment)) == errno.EOPNOTSUPP
    assert refusals(trace, buffer) == [("vmap", -errno.EOPNOTSUPP)]
    assert not trace.of("dbr_vmap")


def touch(view: memoryview) -> int:
    """The errno that the kernel has for who reads there; 0: none."""
    read, write = os.pipe()
    try:
        return refused(lambda: os.write(write, view))
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    "flags, error, result",
    [(0, errno.EFAULT, SIGBUS), (life.ZERO_PAGE, 0, NOPAGE)],
    ids=["sigbus", "zero_page"],
)
def test_mmap_and_faults(
    trace: Pipe, world: World, flags: int, error: int, result: int
) -> None:
    buffer = world.buffer(flags=flags)
    with mmap.mmap(buffer.fd, 2 * PAGE) as mapping:
        mapped = trace.one("dbr_mmap", **at(buffer))
        assert mapped.number("size") == 2 * PAGE
        assert mapped.number("pgoff") == 0
        address = mapped.number("address")
        with memoryview(mapping)[PAGE : PAGE + 1] as second:
            assert touch(second) == 0
            fault = trace.one("dbr_fault", **at(buffer))
            assert fault.number("address") & -PAGE == address + PAGE
            assert fault.number("pgoff") == 1
            assert fault.number("result") == NOPAGE
            trace.clear()
            assert touch(second) == 0
            assert not trace.of("dbr_fault")
            assert buffer.revoke(life.FOREVER)
            assert touch(second) == error
        faults = trace.of("dbr_fault", **at(buffer))
        assert faults and {event.number("result") for event in faults} == {result}


def test_move(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    buffer.move(life.FOREVER)
    move = trace.one("dbr_move", **at(buffer))
    moved = trace.one("dbr_moved", **at(buffer))
    assert move.number("moves") == 1
    for field in ("context", "seqno"):
        assert move.fields[field] == moved.fields[field]
    assert moved.number("ret") == 0
    assert [name for name in trace.names() if name != "dbr_alloc"] == [
        "dbr_invalidate_begin",
        "dbr_invalidate_end",
        "dbr_zap",
        "dbr_move",
        "dbr_moved",
    ]
    life.map_it(world.attachment(buffer))
    assert trace.one("dbr_map", **at(buffer)).number("moves") == 1


def test_fence_is_awaited_by_a_move(trace: Pipe, world: World) -> None:
    if core_pins_each_map():
        pytest.skip("no MAP_UNPINNED: what is mapped does not move on this kernel")
    buffer = world.buffer()
    attachment = world.attachment(buffer, flags=life.DEFER_UNMAP)
    job = life.submit(attachment, 2_000_000_000)
    life.until_taken_up(attachment)
    buffer.move(life.FOREVER)
    awaited = trace.one("dbr_fence_awaited", **at(buffer))
    assert awaited.number("seqno") == job
    done = trace.one("dbr_fence_done", **at(buffer))
    assert done.fields == {**awaited.fields, "ret": "0"}
    names = trace.names()
    assert names.index("dbr_fence_awaited") < names.index("dbi_job_ended")
    assert names.index("dbr_fence_done") < names.index("dbr_moved")


def test_suspension(trace: Pipe, world: World) -> None:
    buffer = world.buffer()
    assert buffer.revoke(life.FOREVER, suspend=True)
    buffer.restore(life.FOREVER)
    assert [event.fields["state"] for event in trace.of("dbr_state", **at(buffer))] == [
        "suspending",
        "suspended",
        "live",
    ]
    assert not trace.of("dbr_give_back")


def late(trace: Pipe, buffer: life.Buffer) -> list[Event]:
    return trace.of("dbr_late", **at(buffer))


@pytest.mark.parametrize("fault", [0, LATE_MAP])
def test_map_after_a_revoke_is_late(trace: Pipe, world: World, fault: int) -> None:
    buffer = world.buffer(faults=fault)
    attachment = world.attachment(buffer)
    assert buffer.revoke(life.FOREVER)
    error = refused(lambda: life.map_it(attachment))
    assert error == (0 if fault else errno.ENODEV)
    calls = [event.fields["call"] for event in late(trace, buffer)]
    assert calls == (["map"] if fault else [])


@pytest.mark.parametrize("fault", [0, NO_UNMAP_WAIT])
def test_unmap_after_a_revoke_is_late(trace: Pipe, world: World, fault: int) -> None:
    buffer = world.buffer(faults=fault)
    attachment = world.attachment(buffer, misbehave=life.NO_UNMAP)
    life.map_it(attachment)
    assert buffer.revoke() == bool(fault)
    world.close(attachment)
    calls = [event.fields["call"] for event in late(trace, buffer)]
    assert calls == (["unmap"] if fault else [])


@pytest.mark.parametrize("bug", [0, DMA_AFTER_UNMAP])
def test_write_after_a_revoke_is_late(trace: Pipe, world: World, bug: int) -> None:
    buffer = world.buffer(flags=life.QUARANTINE)
    attachment = world.attachment(buffer, misbehave=bug)
    life.map_it(attachment)
    assert buffer.revoke(life.FOREVER)
    # It writes again and again. The first of these may tell of a write before the fill.
    for _ in range(2 if bug else 0):
        trace.clear()
        trace.until("dbi_misbehave", bug="dma-after-unmap")
    assert buffer.free()[0] == (1 if bug else 0)
    found = [
        (event.fields["call"], event.number("value")) for event in late(trace, buffer)
    ]
    assert found == ([("write", 1)] if bug else [])


@pytest.mark.parametrize("bug", [0, DOUBLE_UNPIN])
def test_unpin_without_a_pin_is_late_warns_unpin(
    trace: Pipe, world: World, bug: int
) -> None:
    buffer = world.buffer()
    attachment = world.attachment(buffer, life.PINNED, misbehave=bug)
    life.map_it(attachment)
    assert buffer.revoke(life.FOREVER)
    calls = [event.fields["call"] for event in late(trace, buffer)]
    assert calls == (["unpin"] if bug else [])


def test_revoke_that_waits_long_is_late(
    trace: Pipe, world: World, set_parameter: Parameters
) -> None:
    set_parameter("warn_ms", 20)
    buffer = world.buffer(flags=life.ACCEPT_LEGACY)
    attachment = world.attachment(buffer, life.LEGACY_RDMA)
    life.map_it(attachment)
    assert not buffer.revoke()
    event = trace.until("dbr_late", **at(buffer))
    assert event.fields["call"] == "wait"
    assert event.number("value") >= 20
    life.unmap(attachment)
