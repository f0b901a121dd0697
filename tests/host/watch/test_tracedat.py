# SPDX-License-Identifier: GPL-2.0-only
"""What trace-cmd has recorded: read as what watch records, whatever is in the file."""
from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from .command import Event, watch
from .test_hostile import checked
from .tracedat import (
    EXPORTER,
    HARD_INTERRUPT,
    IMPORTER,
    PROBES,
    SOFT_INTERRUPT,
    Trace,
    life,
    ours,
)

__all__ = ["checked"]  # a fixture


@pytest.fixture(scope="session", autouse=True)
def library() -> None:
    command = ["pkg-config", "--exists", "libtracecmd"]
    if subprocess.run(command, check=False).returncode:
        pytest.skip("no libtracecmd: install libtracecmd-dev")


def read(compiled: Path, top: Path, trace: Trace) -> list[Event]:
    path = top / "trace.dat"
    path.write_bytes(trace.pack())
    done = watch(compiled, path, "--json")
    assert not done.stderr
    origin, *events = map(json.loads, done.stdout.splitlines())
    assert origin["clock"] == "trace-cmd's"
    assert isinstance(events, list)
    return events


def test_life_of_a_buffer(compiled: Path, tmp_path: Path) -> None:
    events = read(compiled, tmp_path, life())
    seen = [(e["what"], e.get("attach", 0), e.get("result", 0)) for e in events]
    assert seen == [
        ("export", 0, 0),
        ("attach", 1, 0),
        ("attach", 0, -95),
        ("map", 1, 0),
        ("fence_add", 1, 0),
        ("state", 0, 0),
        ("fence_signal", 1, 0),
        ("unmap", 1, 0),
        ("told", 1, 0),
        ("invalidate", 0, 0),
        ("map", 1, -19),
        ("detach", 1, 0),
    ]
    assert {event["buffer"] for event in events} == {1}
    export, attach, refused, _, fence, *_ = events
    assert (export["name"], export["size"]) == (EXPORTER, 8192)
    assert (attach["device"], attach["name"]) == ("importer.1", "callback")
    assert refused["device"] == "vgem"
    # Our importer has said whose it is.
    assert "guessed" not in fence and (fence["context"], fence["usage"]) == (40, 3)
    told, invalidate = events[8:10]
    assert (told["begin_ns"], told["time_ns"]) == (2020, 2210)
    assert (invalidate["begin_ns"], invalidate["time_ns"]) == (2010, 2220)
    assert events[6]["name"] == "d t" and events[6]["pid"] == 9
    assert all(e["comm"] == "tester" for e in events if e["pid"] == 1)


def test_it_is_drawn(compiled: Path, tmp_path: Path) -> None:
    (tmp_path / "trace.dat").write_bytes(life().pack())
    picture = watch(compiled, tmp_path / "trace.dat").stdout
    assert "importer 1: importer.1" in picture and "fences 40: d t" in picture
    with (tmp_path / "trace.dat").open() as file:
        command = [str(compiled / "tools/dmabuf-revoke"), "watch", "--from", "-"]
        done = subprocess.run(command, stdin=file, capture_output=True, text=True)
    assert done.stdout == picture, done.stderr


def test_not_from_a_pipe(compiled: Path) -> None:
    command = [str(compiled / "tools/dmabuf-revoke"), "watch", "--from", "-"]
    done = subprocess.run(command, input=life().pack(), capture_output=True)
    assert done.returncode == 1
    assert b"stdin is a trace.dat, and a pipe: give the name of a file" in done.stderr


def test_a_buffer_that_was_there(compiled: Path, tmp_path: Path) -> None:
    """Of another exporter, with our importer."""
    trace = ours()
    one: Event = {"ino": 7, "attach": 0xFFFF0100, "dev_name": "importer.1"}
    trace.add(1000, IMPORTER, "dbi_attach", kind=2, **one)
    trace.add(1100, IMPORTER, "dbi_map", **one)
    there, attach, mapped = read(compiled, tmp_path, trace)
    assert (there["what"], there["inode"]) == ("there", 7) and "name" not in there
    assert attach["what"] == "attach" and "name" not in attach
    assert (mapped["what"], mapped["attach"]) == ("map", 1)


def test_what_goes_on_at_the_end(compiled: Path, tmp_path: Path) -> None:
    trace = ours()
    trace.add(1000, EXPORTER, "dbr_alloc", ino=7)
    trace.add(1100, EXPORTER, "dbr_invalidate_begin", ino=7)
    trace.add(1200, IMPORTER, "dbi_told_begin", ino=7, attach=5)
    trace.add(1300, EXPORTER, "dbr_state", pid=2, ino=7)
    events = read(compiled, tmp_path, trace)
    unfinished = {e["what"] for e in events if e.get("unfinished")}
    assert unfinished == {"told", "invalidate"}


def probes() -> Trace:
    """Those of a dma-buf's export, attach and map, with DMA that is mapped."""
    trace = Trace()
    dmabuf = "dmabuf resv inode"
    trace.kind(PROBES, "export_end", f"pointer {dmabuf} exporter$ size")
    trace.kind(PROBES, "attach", f"{dmabuf} device$ importer_ops callback")
    trace.kind(PROBES, "attach_end", "pointer")
    trace.kind(PROBES, "map", f"attachment {dmabuf} device$")
    trace.kind(PROBES, "map_end", "pointer")
    trace.kind(PROBES, "unmap", f"attachment {dmabuf} device$")
    trace.kind(PROBES, "unmap_end", "result")
    for name in ("cpu_begin", "cpu_end"):
        trace.kind(PROBES, name, dmabuf)
        trace.kind(PROBES, f"{name}_end", "result")
    trace.kind(PROBES, "sync", f"{dmabuf} ioctl sync")
    trace.kind(PROBES, "sync_end", "result")
    trace.kind(PROBES, "op_map_3", f"attachment {dmabuf} op __probe_ip")
    trace.kind(PROBES, "op_map_3_end", "pointer")
    trace.kind(PROBES, "fence_add", "resv usage context seqno signalled")
    trace.kind("dma", "dma_map_sg", "device$")
    # Of ours the probes see more.
    trace.kind(EXPORTER, "dbr_alloc", "ino size")
    one: Event = {"dmabuf": 0x100, "resv": 0x200, "inode": 7}
    trace.add(90, EXPORTER, "dbr_alloc", ino=7)
    trace.add(100, PROBES, "export_end", pointer=0x100, exporter="system", **one)
    trace.add(110, PROBES, "attach", device="gpu", **one)
    trace.add(120, PROBES, "attach_end", pointer=0x300)
    return trace


def mapping(trace: Trace, time: int) -> None:
    one: Event = {"dmabuf": 0x100, "resv": 0x200, "inode": 7}
    trace.add(time, PROBES, "map", attachment=0x300, device="gpu", **one)


def test_probes_of_the_same_names(compiled: Path, tmp_path: Path) -> None:
    trace = probes()
    mapping(trace, 200)
    trace.add(210, "dma", "dma_map_sg", device="gpu")
    trace.add(220, PROBES, "map_end", pointer=-19)
    trace.add(300, PROBES, "fence_add", resv=0x200, usage=1, context=4, seqno=2)
    trace.add(310, PROBES, "fence_add", resv=0x200, context=4, seqno=1, signalled=1)
    export, attach, dma, refused, pending, late = read(compiled, tmp_path, trace)
    assert (export["what"], export["name"]) == ("export", "system")
    assert (attach["what"], attach["begin_ns"]) == ("attach", 110)
    assert (dma["what"], dma["device"], dma["attach"]) == ("mark", "gpu", 1)
    assert (refused["result"], refused["time_ns"]) == (-19, 220)
    assert "signalled" not in pending and late["signalled"] == 1


def test_what_the_core_has_kept(compiled: Path, tmp_path: Path) -> None:
    """If the exporter's map is seen, one without it is of the core's table; and its unmap."""
    trace = probes()
    one: Event = {"attachment": 0x300, "dmabuf": 0x100, "resv": 0x200, "inode": 7}
    # The exporter is asked. Its unmap has no probe.
    mapping(trace, 200)
    trace.add(210, PROBES, "op_map_3", op=0x9000, __probe_ip=0x9004, **one)
    trace.add(220, PROBES, "op_map_3_end", pointer=0x500)
    trace.add(230, PROBES, "map_end", pointer=0x500)
    trace.add(240, PROBES, "unmap", **one)
    trace.add(250, PROBES, "unmap_end")
    # It is not.
    mapping(trace, 300)
    trace.add(330, PROBES, "map_end", pointer=0x500)
    trace.add(340, PROBES, "unmap", **one)
    trace.add(350, PROBES, "unmap_end")
    events = read(compiled, tmp_path, trace)
    named = [(e["what"], e.get("name")) for e in events if "map" in e["what"]]
    assert named == [
        ("map", None),
        ("unmap", None),
        ("map", "cached"),
        ("unmap", "cached"),
    ]


@pytest.mark.parametrize("ends", [True, False])
def test_sync_is_seen_once(compiled: Path, tmp_path: Path, ends: bool) -> None:
    """Whether the core's functions are called or not; another ioctl is none."""
    trace = probes()
    one: Event = {"dmabuf": 0x100, "resv": 0x200, "inode": 7}
    for ioctl, flags in ((0x40086200, 3), (0x40086200, 7), (0xC0086202, 7)):
        time = 300 + 100 * len(trace.entries)
        trace.add(time, PROBES, "sync", ioctl=ioctl, sync=flags, **one)
        if flags == 3 or (ends and ioctl == 0x40086200):
            name = "cpu_end" if flags == 7 else "cpu_begin"
            trace.add(time + 10, PROBES, name, **one)
            trace.add(time + 20, PROBES, f"{name}_end")
        trace.add(time + 30, PROBES, "sync_end", result=0)
    events = read(compiled, tmp_path, trace)
    seen = [event["what"] for event in events if event["what"].startswith("cpu")]
    assert seen == ["cpu_begin", "cpu_end"]


@pytest.mark.parametrize("flags", [HARD_INTERRUPT, SOFT_INTERRUPT])
def test_dma_that_an_interrupt_maps_is_not_the_threads(
    compiled: Path, tmp_path: Path, flags: int
) -> None:
    trace = probes()
    mapping(trace, 200)
    trace.add(210, "dma", "dma_map_sg", device="nic", flags=flags)
    # The control: interrupts are off, which is none.
    trace.add(215, "dma", "dma_map_sg", device="gpu", flags=1)
    trace.add(220, PROBES, "map_end")
    events = read(compiled, tmp_path, trace)
    assert [e["device"] for e in events if e["what"] == "mark"] == ["gpu"]


def broken(chance: random.Random, good: bytes) -> bytes:
    """Bytes that are others, most in the head; cut off somewhere; a length that is wrong."""
    data = bytearray(good)
    head = data.find(b"flyrecord") + 40
    for _ in range(chance.randrange(1, 5)):
        most = chance.choice([head, len(data)])
        data[chance.randrange(10, most)] = chance.choice(
            [0, 255, chance.randrange(256)]
        )
    return bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])


@pytest.mark.parametrize("seed", range(4))
def test_broken_bytes(checked: Path, tmp_path: Path, seed: int) -> None:
    """It may refuse them, and says so. Crashes of the libraries end nothing but their process."""
    chance = random.Random(seed)
    trace = chance.choice([life, probes])()
    path = tmp_path / "trace.dat"
    command = [str(checked / "tools/dmabuf-revoke"), "watch", "--from", str(path)]
    refused = 0
    for _ in range(40):
        path.write_bytes(broken(chance, trace.pack()))
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=600
        )
        assert done.returncode in (0, 1), done.stderr
        assert "runtime error" not in done.stderr
        if done.returncode:
            refused += 1
            assert f"watch: {path}" in done.stderr, done.stderr
    assert refused


NUMBERS = [0, 0, 1, 1, 2, 0x100, 0x200, 0x300, 7, 0x40086200, 2**64 - 19, 2**64 - 1]
SMALL = [0, 1, 3, 2**64 - 19]
EVERY = """
    export_end attach attach_end detach detach_end pin pin_end map map_end unmap unmap_end vmap
    vmap_end invalidate invalidate_end close release told_1 told_1_end op_pin_2 op_pin_2_end
    op_map_3 op_map_3_end op_unmap_4 op_unmap_4_end fence_add fence_signal resv_wait resv_wait_end
    fence_wait fence_wait_end lock lock_end trylock trylock_end unlock zap sync sync_end
    cpu_begin cpu_begin_end
""".split()
FIELDS = """
    dmabuf resv inode attachment pointer importer_ops callback op __probe_ip context seqno usage
    signalled left result mapping
""".split()


def any_entries(chance: random.Random) -> Trace:
    """Of all probes and events, of few things, in no order: nothing begins or ends as it does."""
    trace = ours() if chance.randrange(2) else Trace()
    for name in EVERY:
        fields = chance.sample(FIELDS, 9)
        trace.kind(PROBES, name, " ".join([*fields, "device$", "exporter$"]))
    trace.kind("dma", "dma_map_sg", "device$")
    trace.kind("lock", "contention_begin", "lock_addr")
    trace.kind("lock", "contention_end", "lock_addr")
    time = 1000
    for _ in range(500):
        kind = chance.choice([*trace.kinds.values()])
        values: Event = {
            name.rstrip("$"): (
                chance.choice(["", "x", "map"])
                if name[-1] == "$"
                else chance.choice(
                    SMALL if name in ("result", "usage", "ret") else NUMBERS
                )
            )
            for name in kind.fields
        }
        time += chance.randrange(3)
        flags = chance.choice([0, 0, HARD_INTERRUPT])
        pid = chance.randrange(3)
        trace.add(time, kind.system, kind.name, pid=pid, flags=flags, **values)
    return trace


@pytest.mark.parametrize("seed", range(12))
def test_entries_in_no_order(checked: Path, tmp_path: Path, seed: int) -> None:
    """What joins them has to do with lost ones, and with kernels of which it knows nothing."""
    path = tmp_path / "trace.dat"
    path.write_bytes(any_entries(random.Random(seed)).pack())
    views: list[list[str]] = [[], ["--summary"], ["--json"]]
    for options in views:
        done = watch(checked, path, *options)
        assert "broken" not in done.stderr and "Sanitizer" not in done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 20


def test_garbage_in_place_of_an_errno(compiled: Path, tmp_path: Path) -> None:
    trace = probes()
    mapping(trace, 200)
    trace.add(300, PROBES, "fence_add", resv=0x200, usage=2**31, context=4)
    (tmp_path / "trace.dat").write_bytes(trace.pack())
    done = watch(compiled, tmp_path / "trace.dat", status=1)
    assert "trace.dat is broken: something is neither an errno nor" in done.stderr


def test_cut_off(compiled: Path, tmp_path: Path) -> None:
    good = life().pack()
    path = tmp_path / "trace.dat"
    for length in (3, 11, 40, 500, good.find(b"flyrecord")):
        path.write_bytes(good[:length])
        done = watch(compiled, path, status=1)
        assert f"{path} is broken" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_built_without_the_library(tmp_path: Path) -> None:
    """Where pkg-config knows none."""
    from ..sample import REPOSITORY

    wrapper = tmp_path / "pkg-config"
    wrapper.write_text(
        '#!/bin/sh\ncase "$*" in *tracecmd*) exit 1 ;; esac\nexec pkg-config "$@"\n'
    )
    wrapper.chmod(0o755)
    command = ["make", "-s", "-j4", "-C", str(REPOSITORY / "tools")]
    subprocess.run(
        [*command, f"BUILD={tmp_path}", f"PKG_CONFIG={wrapper}", "CFLAGS=-O0"],
        check=True,
    )
    (tmp_path / "trace.dat").write_bytes(life().pack())
    done = watch(tmp_path, tmp_path / "trace.dat", status=1)
    assert "this command was built without libtracecmd" in done.stderr
