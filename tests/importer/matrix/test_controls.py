# SPDX-License-Identifier: GPL-2.0-only
"""The matrix with deliberate bugs: each cell here shows something else than docs/modules/matrix.md."""
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

from tests.gates.counts import MODULES
from tests.lib import features

from . import table
from .table import Cell

TABLE = table.read()


class Control(NamedTuple):
    """A cell, a deliberate bug, and what is seen then."""

    cell: str
    options: str
    seen: str


def fault(bit: int) -> str:
    """DMABUF_REVOKE_FAULT_*, by its bit."""
    return f"--faults {1 << bit}"


def misbehave(bit: int) -> str:
    """DMABUF_REVOKE_MISBEHAVE_*, by its bit."""
    return f"--misbehave {1 << bit}"


def in_vain(bit: int) -> str:
    """The same, of one that is waited for in vain: that need not take long."""
    return f"{misbehave(bit)} --patience-ms 2000"


NO_FENCE_WAIT, NO_UNMAP_WAIT, NO_TELL, TELL_TWICE = map(fault, (1, 2, 3, 4))
NO_ZAP, LATE_MAP, FAIL_MAP, MOVE_NO_COPY, MOVE_PINNED = map(fault, (5, 6, 10, 11, 12))
IGNORE, NO_UNMAP, STUCK_FENCE = map(in_vain, (0, 1, 5))
FENCE_ERROR, REVIVE = map(misbehave, (6, 12))

CONTROLS = {
    "E3_late_map": Control(
        "dynamic idle revoke", LATE_MAP, "invalidated, done; maps; maps"
    ),
    "E4_nobody_invalidated": Control(
        "dynamic mapped revoke", NO_TELL, "map until unmap; ENODEV; ENODEV"
    ),
    "E4_invalidated_twice": Control(
        "dynamic idle revoke", TELL_TWICE, "invalidated 2 times, done; ENODEV; ENODEV"
    ),
    "E5_fence_not_awaited": Control(
        "dynamic-worker job revoke",
        NO_FENCE_WAIT,
        "invalidated, fence+map until job, before the fence; ran; ENODEV; ENODEV",
    ),
    "E6_unmap_not_awaited": Control(
        "legacy-static mapped revoke",
        NO_UNMAP_WAIT,
        "done; unlike what the CPU sees; ENODEV",
    ),
    "E9_not_zapped": Control(
        "dynamic mmapped revoke",
        NO_ZAP,
        "invalidated, done; ENODEV; ENODEV; sees what is gone",
    ),
    "I4_ignored": Control(
        "dynamic mapped revoke",
        IGNORE,
        "invalidated, stuck, map until unmap; ENODEV; ENODEV",
    ),
    "I4_never_unmaps": Control(
        "dynamic-worker mapped revoke",
        NO_UNMAP,
        "invalidated, stuck, map until close; -; ENODEV",
    ),
    "I8_stuck_fence": Control(
        "dynamic job revoke",
        STUCK_FENCE,
        "invalidated, stuck, fence until close; cut; -; ENODEV",
    ),
    "E15_not_zapped": Control(
        "pinned mmapped suspend-restore",
        NO_ZAP,
        "invalidated, done; ENODEV; ENODEV -> maps; sees",
    ),
    "E15_unmap_not_awaited": Control(
        "legacy-rdma mapped suspend-restore",
        NO_UNMAP_WAIT,
        "done; unlike what the CPU sees -> keeps; ENODEV -> maps",
    ),
    "E15_I5_revived": Control(
        "pinned mapped suspend-restore",
        REVIVE,
        "invalidated, done; ENODEV -> maps; ENODEV -> maps",
    ),
    "E14_not_copied": Control(
        "dynamic idle move",
        MOVE_NO_COPY,
        "invalidated, done; unlike what the CPU sees; unlike what the CPU sees",
    ),
    "E14_pinned_one_moved": Control(
        "pinned idle move", MOVE_PINNED, "invalidated, done; ENODEV; maps"
    ),
    "E14_not_told": Control("dynamic idle move", NO_TELL, "done; maps; maps"),
    "E14_not_zapped": Control(
        "dynamic mmapped move", NO_ZAP, "invalidated, done; maps; maps; other contents"
    ),
    "E13_close_unmap_not_awaited": Control(
        "legacy-rdma mapped owner-closes",
        NO_UNMAP_WAIT,
        "done; unlike what the CPU sees; ENODEV",
    ),
    "E13_kill_fence_not_awaited": Control(
        "dynamic-worker job owner-killed",
        NO_FENCE_WAIT,
        "invalidated, fence+map until job, before the fence; ran; ENODEV; ENODEV",
    ),
    "E13_kill_not_zapped": Control(
        "legacy-rdma mmapped owner-killed",
        NO_ZAP,
        "done; ENODEV; ENODEV; sees what is gone",
    ),
    "I9_close_with_a_wrong_fence": Control(
        "dynamic streaming importer-closes", FENCE_ERROR, "done; EIO; -; maps"
    ),
    "I9_close_and_nobody_can_map": Control(
        "legacy-rdma idle importer-closes", FAIL_MAP, "done; -; ENOMEM"
    ),
    "E17_unload_with_a_wrong_fence": Control(
        "pinned job unload", FENCE_ERROR, "in use; EIO; EIO; maps"
    ),
    "E17_unload_of_what_is_not_in_use": Control(
        "pinned mapped unload", "--let-go", "importer unloaded"
    ),
}


@pytest.fixture
def loaded_afterwards() -> Iterator[None]:
    """What --let-go unloads is there again for the next test."""
    yield
    if not all(Path("/sys/module", name).exists() for name in MODULES):
        subprocess.run(["modprobe", "-a", *MODULES], check=True)


@pytest.mark.usefixtures("loaded_afterwards")
@pytest.mark.parametrize("name", CONTROLS)
def test_control(name: str) -> None:
    control = CONTROLS[name]
    cell = Cell(*control.cell.split())
    options = tuple(control.options.split())
    well = table.read(features.missing()).cells[cell]
    seen = table.observe(*cell, options=options)[cell]
    # The exporter may be in use a moment longer than the importer.
    assert seen.removesuffix(", exporter unloaded") == control.seen
    assert seen != well


def test_every_event_has_a_control() -> None:
    controlled = {Cell(*control.cell.split()).event for control in CONTROLS.values()}
    assert controlled == {cell.event for cell in TABLE.cells}
