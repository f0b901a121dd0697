# SPDX-License-Identifier: GPL-2.0-only
"""Drivers that know nothing of us, on either side or on both."""
from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest

from tests.lib import foreign, ioctls, life

from .recording import Event, Recording, nothing_left, watching

__all__ = ["nothing_left"]  # a fixture

EOPNOTSUPP = -95

EXPORTERS: dict[str, Callable[[ExitStack], int]] = {
    "system": foreign.heap_buffer,
    "udmabuf": foreign.udmabuf_buffer,
    "drm": foreign.vgem_buffer,
}


def asked(recording: Recording, what: str, number: int) -> list[Event]:
    """Of an exporter. Whoever maps when, it is unmapped as often: the core may keep a table."""
    calls = recording.of(what, attach=number)
    return [event for event in calls if event.get("name") != "cached"]


#: Makes a dma-buf, has it imported, and lets it go; its inode.
Scene = Callable[[ExitStack], int]


def by_our_importer(name: str) -> Scene:
    def scene(undo: ExitStack) -> int:
        dmabuf = EXPORTERS[name](undo)
        inode = os.fstat(dmabuf).st_ino
        attachment = life.attach_mapped(dmabuf)
        job = life.submit(attachment, 0)
        life.wait(attachment, job, life.FOREVER)
        life.unmap(attachment)
        os.close(attachment)
        os.close(dmabuf)
        return inode

    return scene


def by_vgem(make: Callable[[ExitStack], int], refused: bool = False) -> Scene:
    def scene(undo: ExitStack) -> int:
        dmabuf = make(undo)
        inode = os.fstat(dmabuf).st_ino
        if refused:
            with pytest.raises(OSError):
                foreign.vgem_import(dmabuf, undo)
        else:
            os.close(foreign.vgem_import(dmabuf, undo))
        os.close(dmabuf)
        return inode

    return scene


def ours(flags: int) -> Callable[[ExitStack], int]:
    def make(undo: ExitStack) -> int:
        file = ioctls.open_node(ioctls.EXPORTER)
        undo.callback(os.close, file)
        return life.alloc(file, foreign.LENGTH, flags=flags).fd

    return make


SCENES = {
    **{f"{name} to ours": by_our_importer(name) for name in EXPORTERS},
    **{f"{name} to vgem": by_vgem(EXPORTERS[name]) for name in ("system", "udmabuf")},
    "ours to vgem": by_vgem(ours(life.ACCEPT_LEGACY)),
    "refused to vgem": by_vgem(ours(0), refused=True),
}


@functools.cache
def recorded() -> tuple[Recording, dict[str, int], dict[str, str]]:
    """All of them: to put probes on and to take them away is what takes long.

    With their inodes, or why there is none. Within the first test that asks for it, whose gates
    surround that.
    """
    made: dict[str, int] = {}
    missing: dict[str, str] = {}
    with ExitStack() as undo:
        # The module first: what it does when it is loaded is nobody's.
        with suppress(pytest.skip.Exception):
            os.close(foreign.vgem_buffer(undo))
        with watching() as watch:
            for name, scene in SCENES.items():
                try:
                    made[name] = scene(undo)
                except pytest.skip.Exception as reason:
                    missing[name] = str(reason.msg)
            recording = watch.end()
    assert not recording.of("lost"), recording.errors
    return recording, made, missing


def of(name: str) -> Recording:
    recording, made, missing = recorded()
    if name in missing:
        pytest.skip(missing[name])
    return recording.within([made[name]])


@pytest.mark.parametrize("name", EXPORTERS)
def test_our_importer(name: str) -> None:
    recording = of(f"{name} to ours")
    export = recording.one("export", name=name)
    assert export["size"] == foreign.LENGTH
    attached = recording.one("attach", buffer=export["buffer"])
    assert attached["name"] == "dbi_dynamic_invalidate"
    number = attached["attach"]
    calls = [
        event["what"]
        for event in recording.events
        if event.get("attach") == number
        and not event.get("name", "").startswith("by ")
        and event["what"] in ("map", "fence_add", "fence_signal", "unmap", "detach")
    ]
    assert calls == ["map", "fence_add", "fence_signal", "unmap", "detach"]
    assert not recording.of("told")
    assert len(asked(recording, "map", number)) == 1
    assert len(asked(recording, "unmap", number)) == 1


def check_static(recording: Recording, exporter: str) -> None:
    export = recording.one("export", name=exporter)
    attached = recording.one("attach", buffer=export["buffer"])
    assert "name" not in attached and attached["device"] == "vgem"
    number = attached["attach"]
    # vgem of 7.3 does not map; before that the core does so by itself.
    maps = asked(recording, "map", number)
    assert all(event.get("result", 0) == 0 for event in maps)
    assert len(maps) == len(asked(recording, "unmap", number))
    assert recording.one("detach", attach=number)
    assert not recording.of("told")


def test_our_exporter_with_vgem() -> None:
    check_static(of("ours to vgem"), "dmabuf_revoke_exporter")


def test_our_exporter_refuses_vgem() -> None:
    recording = of("refused to vgem")
    attached = recording.one("attach", device="vgem")
    assert attached["result"] == EOPNOTSUPP
    assert not recording.of("map") and not recording.of("detach")


@pytest.mark.parametrize("name", ["system", "udmabuf"])
def test_neither_is_ours(name: str) -> None:
    recording = of(f"{name} to vgem")
    check_static(recording, name)
    assert not any(event.get("ours") for event in recording.events)
