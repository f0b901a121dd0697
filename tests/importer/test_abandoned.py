# SPDX-License-Identifier: GPL-2.0-only
"""An importer that detaches without unmapping or unpinning: peer/ does so on demand.

Its mappings are never freed, and go on counting, so both modules are loaded anew at the end.
"""
from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from typing import Callable, Iterator

import pytest

from tests.gates.counts import MODULES
from tests.interface.events.fields import EXPORTER
from tests.interface.events.instance import tracing
from tests.lib import ioctls, life, modules

PEER = "/dev/dbr-peer"
PEER_ATTACH, PEER_MAP, PEER_LEAVE = 0x4008DC00, 0xDC01, 0xDC08

NO_UNMAP_WAIT = 1 << 2


@pytest.fixture
def peer() -> Iterator[int]:
    subprocess.run(["modprobe", "-q", "dbr_peer"], check=False)
    if not os.path.exists(PEER):
        pytest.skip(f"no {PEER}: build and load the module of tests/importer/peer")
    file = os.open(PEER, os.O_RDWR | os.O_CLOEXEC)
    yield file
    os.close(file)


Alloc = Callable[..., life.Buffer]


@pytest.fixture
def alloc() -> Iterator[Alloc]:
    file = ioctls.open_node(ioctls.EXPORTER)
    fds = [file]

    def new(**options: int) -> life.Buffer:
        buffer = life.alloc(file, life.PAGE, **options)
        fds.append(buffer.fd)
        return buffer

    yield new
    for fd in fds:
        os.close(fd)
    for name in MODULES:
        modules.unload(name)
    modules.load_what_is_missing()


def leave(peer: int, buffer: life.Buffer, mapped: bool) -> None:
    fcntl.ioctl(peer, PEER_ATTACH, struct.pack("=iI", buffer.fd, 0))
    if mapped:
        fcntl.ioctl(peer, PEER_MAP, 0)
    fcntl.ioctl(peer, PEER_LEAVE, 0)


def blockers(buffer: life.Buffer) -> str:
    done = subprocess.run(
        ["dmabuf-revoke", "blockers", str(buffer.id)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_E14_pin_that_was_left_prevents_no_move_warns_detached(
    peer: int, alloc: Alloc
) -> None:
    buffer = alloc()
    leave(peer, buffer, mapped=False)
    buffer.move(life.FOREVER)


def test_what_was_left_is_told_by_an_event_warns_detached(
    peer: int, alloc: Alloc
) -> None:
    buffer = alloc()
    with tracing(EXPORTER) as trace:
        leave(peer, buffer, mapped=False)
        event = trace.one("dbr_late", id=buffer.id)
        assert event.fields["call"] == "detach"
        assert event.number("value") == 1
        left = trace.one("dbr_detach", id=buffer.id)
        assert left.fields["attach"] == event.fields["attach"]
        assert left.number("pins") == 1


def test_E11_mapping_that_was_left_is_named_warns_detached(
    peer: int, alloc: Alloc
) -> None:
    buffer = alloc(faults=NO_UNMAP_WAIT)
    leave(peer, buffer, mapped=True)
    assert "(detached)" in blockers(buffer)
    assert buffer.maps() == (1, 1)
    assert buffer.revoke()
