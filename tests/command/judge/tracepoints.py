# SPDX-License-Identifier: GPL-2.0-only
"""Tracepoints that are on before the command switches them on."""
from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from tests.lib import cpus, modules

INSTANCES = Path("/sys/kernel/tracing/instances")
NAMES = ("dbr-holds-1", "dbr-holds-2")
#: What the command records of our modules (tools/watch/record/own/record.c).
EVENTS = (
    "dma_fence/dma_fence_signaled",
    "dmabuf_revoke_exporter",
    "dmabuf_revoke_importer",
)


@contextmanager
def _instance(name: str) -> Iterator[None]:
    directory = INSTANCES / name
    directory.mkdir()
    try:
        (directory / "tracing_on").write_text("0", encoding="ascii")
        for events in EVENTS:
            switch = directory / "events" / events / "enable"
            if switch.exists():
                switch.write_text("1", encoding="ascii")
        yield
    finally:
        directory.rmdir()


@contextmanager
def held() -> Iterator[None]:
    """Each has two users already, who record nothing.

    The first one and the second one, and when they go, have the kernel's text patched, which an
    emulator with several CPUs does not stand (cpus.only_one()); those beside them have not.
    """
    modules.load_what_is_missing()
    if not INSTANCES.is_dir():
        yield
        return
    with ExitStack() as undo:
        with cpus.only_one():
            for name in NAMES:
                undo.enter_context(_instance(name))
        yield
        with cpus.only_one():
            undo.close()


@pytest.fixture(scope="module", autouse=True)
def tracepoints_held() -> Iterator[None]:
    """For a file that runs the judge again and again, with all CPUs."""
    with held():
        yield
