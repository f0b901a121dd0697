# SPDX-License-Identifier: GPL-2.0-only
"""Both sides ours: the sequence is known, and so is what deliberate bugs change in it."""
from __future__ import annotations

import fcntl
import functools
import mmap
import os
import struct
from collections.abc import Callable

import pytest

from tests.lib import ioctls, life

from ..run import COMMAND
from .recording import (
    BTF,
    TRACEFS,
    Event,
    Recording,
    nothing_left,
    offsets,
    record,
    recorded_demo,
    watching,
)

__all__ = ["nothing_left"]  # a fixture

EXPORTER = "dmabuf_revoke_exporter"
ENODEV, EOPNOTSUPP = -19, -95
TELL_TWICE = 1 << 4


def check_importer(recording: Recording, attach: int, pinned: bool) -> None:
    """Told once; then its fence, then its unmap; what it tries later is refused."""
    told = recording.one("told", attach=attach)
    assert told["locked"] == 1
    invalidate = recording.one("invalidate", buffer=told["buffer"])
    assert invalidate["begin_ns"] <= told["begin_ns"]
    assert told["time_ns"] <= invalidate["time_ns"]
    signals = recording.of("fence_signal", attach=attach)
    assert len(signals) == len(recording.of("fence_add", attach=attach)) == 2
    unmap = recording.one("unmap", attach=attach)
    assert told["begin_ns"] < signals[-1]["time_ns"] < unmap["time_ns"]
    first, *later = recording.of("map", attach=attach)
    assert first.get("result", 0) == 0
    assert all(event["result"] == ENODEV for event in later)
    assert all(event["begin_ns"] > unmap["time_ns"] for event in later)
    # The core pins by itself, too, on some kernels; of what was refused nothing is left.
    pins = len(recording.of("pin", attach=attach, result=0))
    assert pins == len(recording.of("unpin", attach=attach))
    assert pins >= pinned
    detach = recording.one("detach", attach=attach)
    assert unmap["time_ns"] < detach["time_ns"]


def check_demo(recording: Recording) -> None:
    assert not recording.of("lost"), recording.errors
    export = recording.one("export", name=EXPORTER)
    assert export["size"] >= os.path.getsize(COMMAND)
    buffer = export["buffer"]
    assert recording.buffers(EXPORTER) == [buffer]
    attached = recording.of("attach", buffer=buffer, result=0)
    assert [event["attach"] for event in attached] == [1, 2, 3]
    assert [event["name"] for event in attached] == [
        "dbi_dynamic_invalidate",
        "dbi_dynamic_invalidate",
        "dbi_pinned_invalidate",
    ]
    for event in attached:
        assert event["device"] == "dmabuf-revoke-importer"
        check_importer(recording, event["attach"], "pinned" in event["name"])
    # Both that cannot be revoked, and afterwards one that could be.
    refused = [event["result"] for event in recording.of("attach", attach=0)]
    assert refused == [EOPNOTSUPP, EOPNOTSUPP, ENODEV]
    invalidate = recording.one("invalidate", buffer=buffer)
    assert invalidate["locked"] == 1
    assert recording.of("zap", buffer=buffer)
    assert any(
        event["begin_ns"] <= invalidate["begin_ns"]
        and event["time_ns"] >= invalidate["time_ns"]
        for event in recording.of("lock", pid=invalidate["pid"])
    )
    assert recording.of("mmap", buffer=buffer)[-1]["result"] == ENODEV
    assert recording.of("cpu_begin", buffer=buffer)[-1]["result"] == ENODEV
    comms = {event["comm"] for event in recording.of("attach")}
    assert comms == {"dmabuf-revoke"}


def test_sequence() -> None:
    check_demo(recorded_demo())


def test_sequence_by_offsets_of_headers() -> None:
    """Also where there is BTF: both have to say the same."""
    if not BTF.exists():
        pytest.skip("this kernel has no BTF: test_sequence does so")
    check_demo(record(COMMAND, "demo", more=("--offsets", str(offsets()))))


def test_pointers_that_come_again_are_others() -> None:
    demo = f"{COMMAND} demo >/dev/null"
    recording = record("sh", "-c", f"{demo} && {demo}")
    assert recording.buffers(EXPORTER) == [1, 2]
    for buffer in (1, 2):
        attached = recording.of("attach", buffer=buffer, result=0)
        assert len(attached) == len(recording.of("told", buffer=buffer)) == 3
        assert len(recording.of("invalidate", buffer=buffer)) == 1
    numbers = [event["attach"] for event in recording.of("attach", result=0)]
    assert numbers == list(range(1, 7))


#: Makes buffers of that exporter file, and lets them go; their inodes.
Scene = Callable[[int], list[int]]


def inodes(*buffers: life.Buffer) -> list[int]:
    return [os.fstat(buffer.fd).st_ino for buffer in buffers]


def follow(file: int, faults: int = 0, misbehave: int = 0) -> list[int]:
    """A life of a buffer with one importer, which is mapped when it is revoked."""
    buffer = life.alloc(file, life.PAGE, faults=faults)
    made = inodes(buffer)
    attachment = life.attach(buffer.fd, misbehave=misbehave)
    life.map_it(attachment)
    job = life.submit(attachment, 0)
    life.wait(attachment, job, life.FOREVER)
    buffer.revoke()
    os.close(attachment)
    os.close(buffer.fd)
    return made


def import_twice(file: int) -> list[int]:
    buffer = life.alloc(file, life.PAGE)
    made = inodes(buffer)
    attachments = [life.attach_mapped(buffer.fd) for _ in range(2)]
    for attachment in attachments:
        job = life.submit(attachment, 0)
        life.wait(attachment, job, life.FOREVER)
        os.close(attachment)
    os.close(buffer.fd)
    return made


SYNC = 0x40086200
SYNC_END = 4
EXPORT_SYNC_FILE = 0xC0086202
IMPORT_SYNC_FILE = 0x40086203
READ_AND_WRITE = 3


def access(file: int) -> list[int]:
    buffer = life.alloc(file, life.PAGE)
    made = inodes(buffer)
    for flags in (READ_AND_WRITE, READ_AND_WRITE | SYNC_END):
        fcntl.ioctl(buffer.fd, SYNC, struct.pack("Q", flags))
    os.close(buffer.fd)
    return made


def pass_fence_on(file: int) -> list[int]:
    """It comes to a second buffer by a sync file, when it is over."""
    first, second = (life.alloc(file, life.PAGE) for _ in range(2))
    made = inodes(first, second)
    attachment = life.attach_mapped(first.fd)
    job = life.submit(attachment, 0)
    arg = bytearray(struct.pack("Ii", READ_AND_WRITE, -1))
    fcntl.ioctl(first.fd, EXPORT_SYNC_FILE, arg)
    life.wait(attachment, job, life.FOREVER)
    fcntl.ioctl(second.fd, IMPORT_SYNC_FILE, bytes(arg))
    for each in (struct.unpack("Ii", arg)[1], attachment, first.fd, second.fd):
        os.close(each)
    return made


def touch(file: int) -> list[int]:
    """By the CPU, too."""
    buffer = life.alloc(file, life.PAGE)
    made = inodes(buffer)
    attachment = life.attach_mapped(buffer.fd)
    with mmap.mmap(buffer.fd, life.PAGE) as memory:
        memory[0] = 1
    job = life.submit(attachment, 0)
    life.wait(attachment, job, life.FOREVER)
    buffer.revoke()
    os.close(attachment)
    os.close(buffer.fd)
    return made


NO_UNMAP = functools.partial(follow, misbehave=life.NO_UNMAP)
TWICE = functools.partial(follow, faults=TELL_TWICE)
SCENES: list[Scene] = [
    follow,
    NO_UNMAP,
    TWICE,
    import_twice,
    access,
    pass_fence_on,
    touch,
]


@functools.cache
def recorded() -> tuple[Recording, dict[Scene, list[int]]]:
    """All of them: to put probes on and to take them away is what takes long.

    Within the first test that asks for it, whose gates surround that.
    """
    file = ioctls.open_node(ioctls.EXPORTER)
    with watching() as watch:
        made = {scene: scene(file) for scene in SCENES}
        recording = watch.end()
    os.close(file)
    assert not recording.of("lost"), recording.errors
    return recording, made


def of(scene: Scene) -> Recording:
    recording, made = recorded()
    return recording.within(made[scene])


def only(recording: Recording) -> int:
    buffer = recording.one("export", name=EXPORTER)["buffer"]
    assert isinstance(buffer, int)
    return buffer


def unmap_and_told(recording: Recording) -> tuple[Event, Event, Event]:
    buffer = only(recording)
    return (
        recording.one("told", buffer=buffer),
        recording.one("unmap", buffer=buffer),
        recording.one("detach", buffer=buffer),
    )


def test_importer_that_behaves() -> None:
    told, unmap, detach = unmap_and_told(of(follow))
    assert told["begin_ns"] < unmap["begin_ns"]
    assert unmap["time_ns"] < told["time_ns"] < detach["begin_ns"]


def test_importer_that_does_not_unmap() -> None:
    """A control: not in the callback, and not before it lets go."""
    recording = of(NO_UNMAP)
    told, unmap, _ = unmap_and_told(recording)
    closed = recording.of("lock", buffer=only(recording))
    assert told["time_ns"] < unmap["begin_ns"]
    assert closed
    invalidate = recording.one("invalidate", buffer=only(recording))
    assert invalidate["time_ns"] < unmap["begin_ns"]


def test_exporter_that_tells_twice() -> None:
    """A control."""
    for recording, times in ((of(follow), 1), (of(TWICE), 2)):
        assert len(recording.of("invalidate", buffer=only(recording))) == times
        assert len(recording.of("told", buffer=only(recording))) == times


def test_fences_belong_to_who_mapped() -> None:
    recording = of(import_twice)
    for event in recording.of("fence_signal"):
        assert event["device"] == "dmabuf-revoke-importer"
        assert event["name"].startswith("dmabuf-revoke-importer ")
    contexts = {e["context"]: e["attach"] for e in recording.of("fence_signal")}
    assert len(contexts) == 2 == len(set(contexts.values()))


def test_access_by_the_cpu() -> None:
    """Each is seen once, wherever the compiler has put the core's functions."""
    recording = of(access)
    number = only(recording)
    begin = recording.one("cpu_begin", buffer=number, result=0)
    end = recording.one("cpu_end", buffer=number, result=0)
    assert begin["time_ns"] < end["begin_ns"] < end["time_ns"]


def test_a_fence_that_had_signalled_is_not_pending() -> None:
    recording = of(pass_fence_on)
    one, other = recording.buffers(EXPORTER)
    (pending,) = recording.of("fence_add", buffer=one)
    (late,) = recording.of("fence_add", buffer=other)
    assert "signalled" not in pending and late["signalled"] == 1
    signalled = recording.one("fence_signal", buffer=one)
    assert pending["time_ns"] < signalled["time_ns"] < late["time_ns"]
    assert not recording.of("fence_signal", buffer=other)


def test_events_of_ours_say_what_no_probe_sees() -> None:
    if not (TRACEFS / "events" / EXPORTER).exists():
        pytest.skip(f"no events of {EXPORTER}: CONFIG_EVENT_TRACING")
    recording = of(touch)
    number = only(recording)
    attached = recording.one("attach", buffer=number)["attach"]
    all_there_is, _ = recorded()
    ours = {event["buffer"] for event in all_there_is.events if event.get("ours")}
    assert number in ours and ours <= set(all_there_is.buffers(EXPORTER))
    assert recording.of("fault", ours=1, result=0)
    states = [event["name"] for event in recording.of("state")]
    assert states[0] == "revoking"
    done = recording.one("job", attach=attached, result=0)
    assert done["begin_ns"] < done["time_ns"]
    signalled = recording.one("fence_signal", attach=attached, guessed=0)
    assert signalled["context"] == done["context"]
