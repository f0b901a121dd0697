# SPDX-License-Identifier: GPL-2.0-only
"""Moments of buffers, with and without an owner, and of the last thing that leads to one."""
from __future__ import annotations

import ctypes
import mmap
import os
import socket

from tests.interface.events.instance import tracing
from tests.lib import ioctls, life
from tests.lib.life import PAGE
from tests.lib.foreign import vgem_import

from .moment import begin_move, is_in, legacy_mapped, moment, to_be_moved, variants
from .stage import Stage


_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_size_t
_LIBC.mmap.argtypes = (
    [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_ssize_t]
)
_LIBC.munmap.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
_MAP_FAILED = ctypes.c_size_t(-1).value


@moment("nothing")
def nothing(_: Stage) -> None:
    pass


@moment("exporter open")
def exporter_open(s: Stage) -> None:
    s.hold(ioctls.open_node(ioctls.EXPORTER))


@moment("importer open")
def importer_open(s: Stage) -> None:
    s.hold(ioctls.open_node(ioctls.IMPORTER))


# Buffers: of what is open, only the exporter and, where named, an attachment.


@moment("buffer live")
def buffer_live(s: Stage) -> None:
    buffer = s.buffer()
    s.keep(s.exporter)
    s.checks.append(is_in(buffer, life.STATE_LIVE))


@moment("buffer suspended")
def buffer_suspended(s: Stage) -> None:
    buffer = s.buffer()
    assert buffer.revoke(life.FOREVER, suspend=True)
    s.keep(s.exporter)
    s.checks.append(is_in(buffer, life.STATE_SUSPENDED))


@moment("buffer revoked")
def buffer_revoked(s: Stage) -> None:
    buffer = s.buffer()
    assert buffer.revoke(life.FOREVER)
    s.keep(s.exporter)
    s.checks.append(is_in(buffer, life.STATE_REVOKED))


@moment("buffer in quarantine")
def buffer_in_quarantine(s: Stage) -> None:
    buffer = s.buffer(life.QUARANTINE)
    assert buffer.revoke(life.FOREVER)
    s.keep(s.exporter)
    s.checks.append(is_in(buffer, life.STATE_REVOKED))


@moment("buffer being revoked")
def buffer_being_revoked(s: Stage) -> None:
    buffer, attachment = legacy_mapped(s)
    assert not buffer.revoke()
    s.keep(s.exporter, attachment)
    s.checks.append(is_in(buffer, life.STATE_REVOKING))


@moment("buffer being moved")
def buffer_being_moved(s: Stage) -> None:
    buffer, attachment = to_be_moved(s)
    begin_move(buffer)
    s.keep(s.exporter, attachment)
    s.checks.append(is_in(buffer, life.STATE_LIVE))


# A buffer whose owner is gone, and the last thing that leads to it.


@moment("only a dma-buf")
def only_dma_buf(s: Stage) -> None:
    s.keep(s.buffer().fd)


@moment("only a dma-buf that is being revoked")
def only_dma_buf_being_revoked(s: Stage) -> None:
    buffer, attachment = legacy_mapped(s)
    s.keep(buffer.fd, attachment)


def _only_mapping(s: Stage, choice: int) -> None:
    """By mmap() itself: Python's mmap objects keep a descriptor."""
    buffer = s.buffer(choice)
    protection = mmap.PROT_READ | mmap.PROT_WRITE
    address = _LIBC.mmap(None, PAGE, protection, mmap.MAP_SHARED, buffer.fd, 0)
    assert address != _MAP_FAILED
    s.undo.callback(_LIBC.munmap, address, PAGE)
    ctypes.memset(address, 1, 1)
    s.keep()


variants(
    _only_mapping,
    {
        "only a CPU mapping": 0,
        "only a CPU mapping to the zero page": life.ZERO_PAGE,
    },
)


@moment("only O_PATH of a dma-buf")
def only_O_PATH_of_dma_buf(s: Stage) -> None:
    buffer = s.buffer()
    s.keep(s.hold(os.open(f"/proc/self/fd/{buffer.fd}", os.O_PATH | os.O_CLOEXEC)))


def _only_path(s: Stage, choice: str) -> None:
    s.hold(os.open(choice, os.O_PATH | os.O_CLOEXEC))


variants(
    _only_path,
    {
        "only O_PATH of the exporter": ioctls.EXPORTER,
        "only O_PATH of the importer": ioctls.IMPORTER,
    },
)


@moment("only O_PATH of an attachment")
def only_O_PATH_of_attachment(s: Stage) -> None:
    attachment = s.attach(s.buffer().fd)
    s.keep(s.hold(os.open(f"/proc/self/fd/{attachment}", os.O_PATH | os.O_CLOEXEC)))


def _in_flight(s: Stage, choice: bool) -> None:
    """In a message that nobody has received."""
    ours, theirs = socket.socketpair()
    s.undo.enter_context(ours)
    s.undo.enter_context(theirs)
    buffer = s.buffer()
    what = s.attach(buffer.fd) if choice else buffer.fd
    socket.send_fds(ours, [b"."], [what])
    s.keep()


variants(
    _in_flight,
    {"only a dma-buf in flight": False, "only an attachment in flight": True},
)


@moment("only an open parameter")
def only_open_parameter(s: Stage) -> None:
    path = "/sys/module/dmabuf_revoke_exporter/parameters/limit_mb"
    s.hold(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


@moment("only trace events that are on")
def only_events(s: Stage) -> None:
    s.undo.enter_context(tracing())


@moment("only an import by vgem")
def only_vgem(s: Stage) -> None:
    """Its handle is all that leads to our buffer."""
    buffer = s.buffer(life.ACCEPT_LEGACY)
    s.keep(s.hold(vgem_import(buffer.fd, s.undo)))
