# SPDX-License-Identifier: GPL-2.0-only
"""A run that is ended leaves no process, no mount and nothing half done, whatever it is at.

Image and kernel are made in a world of its own, where mmdebstrap, make and mkfs.erofs are quick,
and one of them stops for the signal.
"""
from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Iterator

import pytest

from guest import kernels, process
from guest.errors import Interrupted, RunnerError
from guest.tree import bootstrap

from ..sample import REPOSITORY

GUEST = [sys.executable, str(REPOSITORY / "scripts/guest")]
KERNEL = "7.3-debug"
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
LIMIT = 60.0

# Makes a tree in which chroot finds its env; HOLD says which tree is never finished.
MMDEBSTRAP = """#!/usr/bin/python3
import os, shutil, sys, signal
from pathlib import Path
world = Path(__file__).parent
tree = Path(sys.argv[sys.argv.index("trixie") + 1])
for name in ("usr/bin", "usr/lib", "proc", "dev", "tmp"):
    (tree / name).mkdir(parents=True)
(tree / "lib").symlink_to("usr/lib")
what = "source" if "linux-source" in " ".join(sys.argv) else "root"
if os.environ["HOLD"] == what:
    Path(os.environ["HELD"]).write_text("x")
    number = 0
    while True:  # a package manager does not stop by itself
        (tree / f"file{number}").touch()
        number += 1
for name in ("env", "busybox"):
    shutil.copy(world / "env", tree / "usr/bin" / name)
shutil.copy(world / "root.tar", tree)
(tree / "hold").write_text(os.environ["HOLD"])
"""
MKFS = """#!/bin/sh
if [ "$HOLD" = disk ]; then
    echo half >"$1"
    echo x >"$HELD"
    exec sleep 1000
fi
exec /usr/bin/mkfs.erofs "$@"
"""
# Stands in for all that is done in a tree.
ENV = r"""
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void copy(const char *from, const char *to)
{
	char data[4096];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0644);

	for (ssize_t n; (n = read(in, data, sizeof(data))) > 0;)
		if (write(out, data, n) != n)
			return;
}

int main(int argc, char **argv)
{
	const char *command = argv[argc - 1];
	const char *what = strstr(command, "allnoconfig") ? "configuring" :
			   strstr(command, "modules_install") ? "compiling" : "";
	char hold[32] = "";

	if (read(open("/hold", O_RDONLY), hold, sizeof(hold) - 1) > 0 && !strcmp(hold, what)) {
		copy("/hold", "/out/half");
		if (write(open("/ccache/held", O_WRONLY), "x", 1) == 1)
			for (;;)
				pause();
	}
	if (!strcmp(what, "configuring"))
		copy("/build/fragment", "/out/config");
	if (!strcmp(what, "compiling")) {
		copy("/hold", "/out/image");
		copy("/root.tar", "/out/root.tar");
	}
	return 0;
}
"""
BUILT_IN = ["virtio_pci", "virtio_blk", "virtio_console", "erofs", "overlay"]


def processes(mark: str) -> list[str]:
    """The names of those that have been started with this in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (path / "environ").read_bytes():
                found.append((path / "comm").read_text().strip())
        except OSError:
            pass  # it has gone, or is a zombie
    return found


def mounts(place: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if str(place) in line]


class World:
    """A cache of its own, and quick programs."""

    def __init__(self, top: Path) -> None:
        self.mark = str(top)
        self.programs = top / "bin"
        self.cache = top / "cache/dmabuf-revoke"
        self.held = self.cache / "ccache" / KERNEL / "held"
        self.held.parent.mkdir(parents=True)
        os.mkfifo(self.held)
        self.programs.mkdir()
        for name, text in (("mmdebstrap", MMDEBSTRAP), ("mkfs.erofs", MKFS)):
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)
        source = top / "env.c"
        source.write_text(ENV)
        env = str(self.programs / "env-of-the-tree")
        subprocess.run(["gcc", "-static", "-o", env, str(source)], check=True)
        os.rename(env, self.programs / "env")
        self._modules(top / "modules")

    def _modules(self, top: Path) -> None:
        directory = top / "usr/lib/modules/1.0"
        directory.mkdir(parents=True)
        (top / "lib").symlink_to("usr/lib")
        names = "".join(f"kernel/{name}.ko\n" for name in BUILT_IN)
        (directory / "modules.builtin").write_text(names)
        (directory / "modules.order").touch()
        subprocess.run(["depmod", "-b", str(top), "1.0"], check=True)
        with tarfile.open(self.programs / "root.tar", "w") as tar:
            tar.add(top / "usr", "usr")

    def start(self, hold: str) -> subprocess.Popen[str]:
        """A run that makes kernel and image, and stops at ``hold``."""
        path = f"{self.programs}:{os.environ['PATH']}:/usr/sbin:/sbin"
        more = {"PATH": path, "XDG_CACHE_HOME": str(self.cache.parent), "HOLD": hold}
        more |= {"DEBIAN_MIRROR": "file:///nowhere", "HELD": str(self.held)}
        return subprocess.Popen(
            [*GUEST, "chroot", "--kernel", KERNEL, "--", "true"],
            env={**os.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def left(self) -> list[str]:
        """What there is of half a run."""
        places = bootstrap.scratch_places(self.cache, KERNEL)
        found = [path.name for path in places if path.exists()]
        return found + [path.name for path in self.cache.rglob("tmp.*")]

    def entries(self, kind: str) -> list[list[str]]:
        """Of images or kernels: what each one has."""
        top = self.cache / kind / KERNEL
        return [sorted(p.name for p in entry.iterdir()) for entry in top.glob("*")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    if os.geteuid() != 0:
        pytest.skip("building and entering a root tree needs root")
    made = World(tmp_path)
    yield made
    for place in bootstrap.scratch_places(made.cache, KERNEL):
        subprocess.run(["rm", "-rf", str(place)], check=True)


def send(run: subprocess.Popen[str], number: signal.Signals) -> str:
    """As a terminal sends Ctrl-C, and kill the others; the rest of the output."""
    if number == signal.SIGINT:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    output, _ = run.communicate(timeout=LIMIT)
    return output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("hold", ["source", "configuring", "compiling", "root", "disk"])
def test_nothing_half_is_left(world: World, hold: str, number: signal.Signals) -> None:
    handle = os.open(world.held, os.O_RDONLY | os.O_NONBLOCK)
    run = world.start(hold)
    assert select.select([handle], [], [], LIMIT)[0], "it did not come so far"
    assert processes(world.mark) and world.left()
    output = send(run, number)
    assert run.returncode == STATUS[number], output
    os.close(handle)
    if number == signal.SIGKILL:
        assert world.left()  # which the next run removes
    else:
        assert not processes(world.mark)
        assert not world.left(), output
    assert not mounts(world.cache)
    again = world.start("")
    output, _ = again.communicate(timeout=LIMIT)
    assert again.returncode == 0, output
    assert not processes(world.mark) and not world.left() and not mounts(world.cache)
    assert world.entries("kernels") == [["config", "image", "root.tar"]]
    (entry,) = world.entries("images")
    assert {"initrd", "meta.json", "root.erofs", "vmlinux"} <= set(entry)


@pytest.mark.parametrize(
    "number, words, sign",
    [
        (signal.SIGTERM, ["run", "--", "echo here; exec sleep 1000"], "here"),
        (signal.SIGINT, ["check", "--tests", "abi"], "test session"),
    ],
    ids=["run-TERM", "check-INT"],
)
def test_no_guest_is_left(
    entry: Path, tmp_path: Path, number: signal.Signals, words: list[str], sign: str
) -> None:
    options = [words[0], "--results", str(tmp_path), *words[1:]]
    run = subprocess.Popen(
        [*GUEST, *options],
        env={**os.environ, "MARK": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert run.stdout
    for line in run.stdout:
        if sign in line:
            break
    assert "qemu-system-x86" in processes(str(tmp_path))
    output = send(run, number)
    assert run.returncode == STATUS[number]
    assert not processes(str(tmp_path))
    assert "LOST" not in output and "Traceback" not in output, output


def test_who_waits_for_another_run_can_be_interrupted(tmp_path: Path) -> None:
    top = tmp_path / "cache/dmabuf-revoke"
    top.mkdir(parents=True)
    with open(top / "7.3.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = subprocess.Popen(
            [*GUEST, "check", "--tests", "abi", "--results", str(tmp_path)],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert run.stdout
        assert "waiting" in run.stdout.readline()
        try:
            output = send(run, signal.SIGINT)
        finally:
            run.kill()
    assert run.returncode == 130 and output == "interrupted\n"
    assert not processes(str(tmp_path))


def test_nobody_starts_a_child_once_the_run_is_being_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_over", False)
    started = threading.Semaphore(0)
    seen: list[BaseException] = []

    def work() -> None:
        """As one who tries something else when a program fails."""
        try:
            for _ in range(3):
                child = process.start(["sleep", "1000"])
                started.release()
                process.finish(child)
        except BaseException as error:
            seen.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert started.acquire(timeout=LIMIT)
    process.end()
    for thread in threads:
        thread.join(LIMIT)
    assert [type(error) for error in seen] == [Interrupted] * 4
    with pytest.raises(Interrupted):
        process.going_on()


def test_a_killed_child_is_no_failure_of_its_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RunnerError, match="signal 9"):
        process.run("sleep", ["sh", "-c", "kill -9 $$"])  # unless it is
    monkeypatch.setattr(process, "_over", False)
    timer = threading.Timer(0.2, process.end)
    timer.start()
    with pytest.raises(Interrupted):
        process.run("sleep", ["sleep", "1000"])
    timer.join()


def test_every_kernel_has_scratch_places_of_its_own(tmp_path: Path) -> None:
    names = [*kernels.TABLE, kernels.OWN]
    places = {p for name in names for p in bootstrap.scratch_places(tmp_path, name)}
    assert len(places) == 2 * len(names)
