# SPDX-License-Identifier: GPL-2.0-only
"""Loading and unloading the two modules."""
from __future__ import annotations

import ctypes
import errno
import lzma
import os
import subprocess
import time
from functools import lru_cache
from pathlib import Path

from tests.gates.counts import MODULES, PATIENCE

from . import ioctls, life

EXPORTER, IMPORTER = MODULES
NODES = {EXPORTER: ioctls.EXPORTER, IMPORTER: ioctls.IMPORTER}

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.init_module.argtypes = (ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@lru_cache
def _image(name: str) -> bytes:
    """The module that modprobe would load; empty if it takes modprobe to read it."""
    path = Path(run("modinfo", "-n", name).stdout.strip())
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    return path.read_bytes() if path.suffix == ".ko" else b""


def load(name: str, *parameters: str) -> None:
    """At once, where that is possible: starting modprobe takes longer than loading."""
    if data := _image(name):
        if _LIBC.init_module(data, len(data), " ".join(parameters).encode("ascii")):
            error = ctypes.get_errno()
            raise OSError(error, f"init_module: {os.strerror(error)}", name)
        return
    done = run("modprobe", name, *parameters)
    assert done.returncode == 0, done.stderr


def try_unload(name: str) -> bool:
    """delete_module(O_NONBLOCK), as rmmod does. False if in use; OSError for all else."""
    if _LIBC.delete_module(name.encode("ascii"), os.O_NONBLOCK) == 0:
        return True
    error = ctypes.get_errno()
    if error != errno.EWOULDBLOCK:
        raise OSError(error, f"delete_module: {os.strerror(error)}", name)
    return False


def is_loaded(name: str) -> bool:
    return os.path.exists(f"/sys/module/{name}")


def references(name: str) -> int:
    return int(Path("/sys/module", name, "refcnt").read_text(encoding="ascii"))


def until_unused(name: str) -> None:
    """Until nothing refers to the module, but no longer than a worker may take."""
    deadline = time.monotonic() + PATIENCE
    while references(name) and time.monotonic() < deadline:
        # A count that a worker of the module lets fall has no event.
        time.sleep(0.002)


def until_used(name: str) -> None:
    """The reverse, of a module that somebody uses again and again."""
    deadline = time.monotonic() + PATIENCE
    while not references(name) and time.monotonic() < deadline:
        pass


def unload(name: str) -> None:
    """As soon as nothing refers to it any more."""
    until_unused(name)
    assert try_unload(name), f"{name} is in use"


def load_what_is_missing() -> None:
    for name in MODULES:
        if not is_loaded(name):
            load(name)


def assert_both_work() -> None:
    """A buffer's whole life: allocated, attached to, reached by DMA, revoked."""
    exporter = ioctls.open_node(ioctls.EXPORTER)
    buffer = life.alloc(exporter, life.PAGE)
    attachment = life.attach(buffer.fd)
    try:
        life.submit(attachment, 0)
        assert life.wait(attachment, 1, life.FOREVER) == 0
        assert buffer.revoke(life.FOREVER)
        assert buffer.state() == life.STATE_REVOKED
    finally:
        for fd in (attachment, buffer.fd, exporter):
            os.close(fd)
