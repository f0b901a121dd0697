# SPDX-License-Identifier: GPL-2.0-only
"""What it leaves in tracefs, whatever ends it; what was lost; what was there before."""
from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.gates.counts import BUFINFO
from tests.lib import foreign, ioctls, life

from ..run import COMMAND, SOON, Process, held, no_process_left, run, wait_for
from .recording import (
    CONTAINER,
    TRACEFS,
    Watch,
    left_in_tracefs,
    nothing_left,
    options,
    record,
    recorded_demo,
    trace_of,
    watching,
)

__all__ = ["no_process_left", "nothing_left"]  # fixtures


def has_instance(pid: int) -> bool:
    return (TRACEFS / f"instances/{trace_of(pid)}").exists()


def has_probes(pid: int) -> bool:
    return (TRACEFS / f"events/{trace_of(pid)}").exists()


def is_enabled(pid: int) -> bool:
    name = trace_of(pid)
    path = TRACEFS / f"instances/{name}/events/{name}/map/enable"
    return path.exists() and path.read_text(encoding="ascii").startswith("1")


#: How it records is all the same for the program: without probes it begins and ends sooner.
OWN = "--own"

STAGES = [has_instance, has_probes, is_enabled, None]


def begin_until(stage: Callable[[int], bool] | None, *arguments: str) -> Watch:
    """None: until it records."""
    watch = Watch(*arguments)
    deadline = time.monotonic() + SOON
    if stage:
        while not stage(watch.process.pid):
            assert time.monotonic() < deadline and watch.process.poll() is None
    else:
        watch.await_ready()
    return watch


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("end", SIGNALS, ids=[each.name for each in SIGNALS])
@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_ends_it_in_order(
    stage: Callable[[int], bool] | None, end: signal.Signals
) -> None:
    """Whenever it comes; nothing_left looks, and no other one has been there to clean up."""
    watch = begin_until(stage)
    watch.process.send_signal(end)
    out, errors = watch.process.communicate(timeout=SOON)
    assert watch.process.returncode == 0, errors.decode()
    assert out.startswith(b'{"dmabuf_revoke_watch": 1')


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_has_not_begun_does_not(
    tmp_path: Path, end: signal.Signals
) -> None:
    """The signal is for it, and comes before it."""
    watch = begin_until(has_instance, "--", "touch", str(tmp_path / "begun"))
    watch.process.send_signal(end)
    _, errors = watch.process.communicate(timeout=SOON)
    assert watch.process.returncode == 0
    assert f"touch was ended by signal {end.value}" in errors.decode()
    assert not (tmp_path / "begun").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_the_next_one_removes_what_a_killed_one_has_left(
    stage: Callable[[int], bool] | None,
) -> None:
    watch = begin_until(stage)
    watch.process.send_signal(signal.SIGSTOP)
    left = left_in_tracefs()
    watch.kill()
    assert any(trace_of(watch.process.pid) in name for name in left)
    run("watch", "--json", *options(), "--", "true")
    assert left_in_tracefs() == []


@pytest.mark.parametrize("before", [[], CONTAINER], ids=["here", "in a container"])
def test_the_next_one_leaves_alone_what_is_in_use(before: list[str]) -> None:
    with watching() as watch:
        run("watch", "--json", *options(), "--", "true", before=before)
        assert has_instance(watch.process.pid) and has_probes(watch.process.pid)
        with held("4k"):
            pass
        assert watch.end().buffers("dmabuf_revoke_exporter") == [1]


def test_what_was_lost_is_said() -> None:
    """Nobody reads while the demo runs, so that it cannot fit."""
    script = f"kill -STOP $PPID; {COMMAND} demo >/dev/null; kill -CONT $PPID"
    recording = record("sh", "-c", script, more=("--ring", "4k"))
    lost = recording.of("lost")
    assert sum(event["size"] for event in lost) > 100
    assert re.search(r"watch: \d+ entries of the trace were lost", recording.errors)


def test_nothing_is_lost_otherwise() -> None:
    """The control of the one above."""
    recording = recorded_demo()
    assert not recording.of("lost") and "lost" not in recording.errors


#: Of the ring buffers: no read of one succeeds, or no mapping is without consequence.
SHIM = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_ring(int file)
{
	char path[64], name[256] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	readlink(path, name, sizeof(name) - 1);
	return strstr(name, "trace_pipe_raw") != NULL;
}
"""
FAILS = """
ssize_t read(int file, void *buffer, size_t length)
{
	if (!is_ring(file))
		return syscall(SYS_read, file, buffer, length);
	errno = EIO;
	return -1;
}
"""
ABORTS = """
void *mmap(void *where, size_t length, int prot, int flags, int file, off_t offset)
{
	if (file >= 0 && is_ring(file))
		abort();
	return (void *)syscall(SYS_mmap, where, length, prot, flags, file, offset);
}

void *mmap64(void *where, size_t length, int prot, int flags, int file, off_t offset)
{
	return mmap(where, length, prot, flags, file, offset);
}
"""


def with_shim(folder: Path, text: str, *arguments: str, status: int = 0) -> str:
    """What watch says on stderr, with functions of the C library replaced."""
    (folder / "shim.c").write_text(SHIM + text)
    library = folder / "shim.so"
    command = ["gcc", "-shared", "-fPIC", "-o", str(library), f"{folder}/shim.c"]
    subprocess.run(command, check=True)
    before = ["env", f"LD_PRELOAD={library}"]
    arguments = ("watch", "--json", *arguments, "--", "true")
    return run(*arguments, status=status, before=before).stderr


def test_a_trace_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    said = with_shim(tmp_path, FAILS, *options(), status=1)
    assert "watch: reading the trace: " in said and "(EIO)" in said


@pytest.mark.parametrize("own", [(), ("--own",)], ids=["probes", "own"])
def test_ring_buffers_are_not_mapped(tmp_path: Path, own: tuple[str, ...]) -> None:
    """Who maps them anew each time loses what comes between two calls (libtracefs 1.8)."""
    with_shim(tmp_path, ABORTS, *options(*own), *own)


def test_beside_an_importer_that_streams() -> None:
    """Some ways to trace wait for a worker that never rests. And: what was there before."""
    with held("64k") as (buffer, _):
        place = ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]
        process = Process("attach", *place, "--stream")
        process.read_until(".*mapped.*")
        wait_for(buffer["id"], maps=1, fences=1)
        recording = record(COMMAND, "revoke", str(buffer["id"]))
        process.end()
        inode = os.stat(f"/proc/{buffer['pid']}/fd/{buffer['fd']}").st_ino
    there = recording.one("there", inode=inode)
    assert there["name"] == "dmabuf_revoke_exporter" and there["size"] == 65536
    told = recording.one("told", buffer=there["buffer"])
    unmap = recording.one("unmap", attach=told["attach"])
    assert told["begin_ns"] < unmap["begin_ns"] < told["time_ns"]
    assert told["device"] == unmap["device"] == "dmabuf-revoke-importer"


def test_what_has_not_ended_is_unfinished() -> None:
    """A map that the exporter blocks, with the lock held."""
    with held("4k") as (buffer, _):
        number = str(buffer["id"])
        run("faults", number, "hold-in-map")
        place = ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]
        with watching() as watch:
            importer = Process("attach", *place)
            run("faults", number, "--await")
            recording = watch.end()
        run("faults", number)
        importer.read_until(".*mapped.*")
        importer.end(signal.SIGTERM)
    mapping = recording.one("map", unfinished=1)
    lock = recording.one("lock", unfinished=1)
    assert mapping["time_ns"] == lock["time_ns"] == recording.events[-1]["time_ns"]
    assert mapping["pid"] == lock["pid"] and lock["begin_ns"] < mapping["begin_ns"]
    assert mapping["locked"] == 1


def test_a_lock_that_is_held_does_not_hold_it_up() -> None:
    """debugfs takes it to list a buffer."""
    if not BUFINFO.exists():
        pytest.skip(f"no {BUFINFO}: mount debugfs")
    with held("4k") as (buffer, _):
        number = str(buffer["id"])
        run("faults", number, "hold-in-map")
        place = ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]
        importer = Process("attach", *place)
        run("faults", number, "--await")
        recording = record("true")
        run("faults", number)
        importer.read_until(".*mapped.*")
        importer.end(signal.SIGTERM)
    assert f"{BUFINFO} takes long" in recording.errors
    # By the descriptor.
    assert recording.one("there", name="dmabuf_revoke_exporter")["size"] == life.PAGE


def test_buffer_without_a_descriptor() -> None:
    """Its importer keeps it."""
    if not BUFINFO.exists():
        pytest.skip(f"no {BUFINFO}: mount debugfs")
    file = ioctls.open_node(ioctls.EXPORTER)
    with ExitStack() as undo:
        buffer = life.alloc(file, 2 * life.PAGE, flags=life.ACCEPT_LEGACY)
        card = foreign.vgem_import(buffer.fd, undo)
        inode = os.fstat(buffer.fd).st_ino
        os.close(buffer.fd)
        there = record("true").one("there", inode=inode)
        os.close(card)
    os.close(file)
    assert there["size"] == 2 * life.PAGE and there["name"] == "dmabuf_revoke_exporter"


def test_the_end_of_the_program_is_not_its_own() -> None:
    own = ["watch", "--json", OWN]
    done = run(*own, "--", "sh", "-c", "exit 3")
    assert "watch: sh exited with 3" in done.stderr
    done = run(*own, "--", "sh", "-c", "kill -TERM $$")
    assert "watch: sh was ended by signal 15" in done.stderr
    done = run(*own, "--", "/nonexistent", status=1)
    assert "/nonexistent: no such program (ENOENT)" in done.stderr


def test_signals_are_for_the_program(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    script = f"trap 'exit 5' TERM; : >{ready}; while :; do sleep 0.1; done"
    process = subprocess.Popen(
        [COMMAND, "watch", "--json", OWN, "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # Returns when the program has it open, too.
    ready.read_bytes()
    process.terminate()
    _, errors = process.communicate(timeout=SOON)
    assert process.returncode == 0
    assert b"watch: sh exited with 5" in errors
