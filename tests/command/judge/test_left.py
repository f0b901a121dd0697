# SPDX-License-Identifier: GPL-2.0-only
"""A reference to the dma-buf is left when the program has ended: whose it is makes the verdict."""
from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Iterator

import pytest

from ..run import COMMAND, SOON, no_process_left
from ..watch.recording import CONTAINER, nothing_left
from .verdicts import OURS

__all__ = ["no_process_left", "nothing_left"]  # fixtures

#: Sends the dma-buf over the socket that is its argument, and is our importer then.
SENDING = """
import os, socket, sys
file = socket.socket(fileno=int(sys.argv[1]))
socket.send_fds(file, [b"x"], [int(os.environ["DMABUF_REVOKE_FD"])])
os.execv(sys.argv[2], sys.argv[2:])
"""
SCENARIO = "revoke-idle"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(SOON)
    with ours, theirs:
        yield ours, theirs


def start(theirs: socket.socket, *within: str) -> subprocess.Popen[str]:
    number = str(theirs.fileno())
    options = ["--json", "--scenario", SCENARIO, "--clause", "I17", "--limit", "end=5s"]
    return subprocess.Popen(
        [*within, COMMAND, "test-importer", *options, "--", sys.executable]
        + ["-c", SENDING, number, OURS],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[theirs.fileno()],
    )


def verdict(judge: subprocess.Popen[str], status: int) -> tuple[str, str]:
    out, _ = judge.communicate(timeout=5 * SOON)
    assert judge.returncode == status, out
    (finding,) = json.loads(out)["findings"]
    return finding["verdict"], finding["evidence"]


def test_reference_of_the_kernel_is_a_leak(
    ends: tuple[socket.socket, socket.socket]
) -> None:
    """A descriptor that is on its way in a socket is nobody's, as that of a driver would be."""
    found, why = verdict(start(ends[1]), 1)
    assert found == "FAIL" and "somebody has a reference to it" in why


def test_descriptor_of_a_stranger_is_no_fault_of_the_driver(
    ends: tuple[socket.socket, socket.socket]
) -> None:
    judge = start(ends[1])
    _, fds, _, _ = socket.recv_fds(ends[0], 1, 1)
    found, why = verdict(judge, 77)
    os.close(fds[0])
    assert found == "UNKNOWN" and "has the dma-buf open" in why


@pytest.mark.parametrize("kept", [False, True])
def test_in_a_container_nobody_knows_who_has_it(
    ends: tuple[socket.socket, socket.socket], kept: bool
) -> None:
    """There may be processes outside, as this one is, and then their descriptors are not seen."""
    judge = start(ends[1], *CONTAINER)
    fds = socket.recv_fds(ends[0], 1, 1)[1] if kept else []
    found, why = verdict(judge, 77)
    for descriptor in fds:
        os.close(descriptor)
    assert found == "UNKNOWN" and "cannot be seen from here" in why
