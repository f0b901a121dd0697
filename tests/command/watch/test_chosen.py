# SPDX-License-Identifier: GPL-2.0-only
"""Which buffers are shown."""
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from ..run import COMMAND, facts, held, no_process_left, run
from .recording import Recording, nothing_left, options

__all__ = ["no_process_left", "nothing_left"]  # fixtures

Buffer = dict[str, Any]


def place(buffer: Buffer) -> list[str]:
    return ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]


def inode(buffer: Buffer) -> int:
    return os.stat(f"/proc/{buffer['pid']}/fd/{buffer['fd']}").st_ino


CHOICES: dict[str, Callable[[Buffer], list[str]]] = {
    "fd": place,
    "pid": lambda buffer: ["--pid", str(buffer["pid"])],
    "id": lambda buffer: ["--id", str(buffer["id"])],
    "exporter": lambda buffer: ["--exporter", "dmabuf_revoke_exporter-quarantine"],
}


def inodes(recording: Recording) -> set[int]:
    return {event["inode"] for event in recording.events if "inode" in event}


@pytest.mark.parametrize("choice", [*CHOICES, "none"])
def test_chosen(choice: str) -> None:
    """Both are revoked; only what is chosen is shown, or all without a choice."""
    with held("4k") as (other, _), held("4k", "--quarantine") as (buffer, _):
        chosen = CHOICES[choice](buffer) if choice in CHOICES else []
        command = [COMMAND, "revoke", str(other["id"]), str(buffer["id"])]
        done = run("watch", "--json", *options(), *chosen, "--", *command)
        recording = Recording(done.stdout)
        both = {inode(buffer), inode(other)}
        assert inodes(recording) >= {inode(buffer)}
        assert inodes(recording) & both == ({inode(buffer)} if chosen else both)
        assert recording.of("invalidate", inode=inode(buffer))


def test_what_cannot_be_chosen() -> None:
    def fails(*arguments: str, status: int = 1) -> str:
        command = ["watch", *options(), *arguments, "--", "true"]
        return run(*command, status=status).stderr

    assert "--fd 0: not a dma-buf" in fails("--fd", "0")
    assert "watch: process 1 has no descriptor of a dma-buf" in fails("--pid", "1")
    assert "watch: process 4194305: no such process" in fails("--pid", "4194305")
    assert "buffer 18446744073709551615: " in fails("--id", str(2**64 - 1))
    assert "--id: 'x' is not the id" in fails("--id", "x", status=2)
    assert "--pid 0: no process" in fails("--pid", "0", status=2)
    both = fails("--id", "1", "--fd", "0", status=2)
    assert "--id, and --fd or --pid: they name dma-bufs each by itself" in both
    assert "--ring: 'x' is not a size" in fails("--ring", "x", status=2)
    assert facts("list")["buffers"] == []
