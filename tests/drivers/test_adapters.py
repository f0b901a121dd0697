# SPDX-License-Identifier: GPL-2.0-only
"""Each program of import/ and export/, by its protocol: what it does for its driver, and says.

What a driver does wrong is not judged here; where that can be seen, it is the driver's way.
"""
from __future__ import annotations

import errno
import mmap
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from tests.controls.names import FAULTS, MISBEHAVIOURS
from tests.devices.lib.function import DRIVER, NONE, PEER2PEER, attach, find
from tests.devices.vfio.conftest import function, peer_to_peer
from tests.gates.counts import PATIENCE
from tests.lib import features, life, pci

from .adapter import Adapter, alone

__all__ = ["function", "peer_to_peer"]

#: A frame of vivid's.
LENGTH = life.PAGE
USAGE = 2

#: Drivers that have a fixture, by part of what is run.
MODULES = ("vgem", "vivid", "virtio_gpu", "bochs", "qxl")

#: Adapters whose drivers have no callback.
VGEM = ("import/vgem",)
STATIC = ("import/ours", "--kind", "static")
RDMA = ("import/ours", "--kind", "rdma")


@contextmanager
def allocated(exporter: int, flags: int = 0) -> Iterator[life.Buffer]:
    buffer = life.alloc(exporter, LENGTH, flags)
    try:
        yield buffer
    finally:
        os.close(buffer.fd)
        buffer.free()


@pytest.fixture
def buffer(exporter: int) -> Iterator[life.Buffer]:
    with allocated(exporter) as made:
        yield made


@pytest.fixture
def open_buffer(exporter: int) -> Iterator[life.Buffer]:
    """One that lets importers in that cannot be revoked."""
    with allocated(exporter, life.ACCEPT_LEGACY) as made:
        yield made


def load_for(request: pytest.FixtureRequest, program: str) -> None:
    """The driver that it is for, if that is a module."""
    for name in MODULES:
        if name in program:
            request.getfixturevalue(name)


def exporting(name: str) -> Adapter:
    """The program, and what follows it."""
    return Adapter(*f"export/{name}".split())


def importing(buffer: life.Buffer, name: str, *arguments: str) -> Adapter:
    return Adapter(name, *arguments, dmabuf=buffer.fd)


def until_written(buffer: life.Buffer) -> None:
    """Until somebody writes to the buffer: anew, since it is zeroed."""
    deadline = time.monotonic() + PATIENCE
    with mmap.mmap(buffer.fd, LENGTH) as memory:
        memory[:] = bytes(LENGTH)
        while not any(memory):
            assert time.monotonic() < deadline, "nobody writes to the buffer"


@pytest.mark.parametrize("more", [(), ("--stream",), ("--defer",)])
def test_dynamic_importer_follows(buffer: life.Buffer, more: tuple[str, ...]) -> None:
    with importing(buffer, "import/ours", *more) as importer:
        assert importer.result() == 0
        buffer.revoke(life.FOREVER, suspend=True)
        assert importer.do("again") == errno.ENODEV
        buffer.restore(life.FOREVER)
        assert importer.do("again") == 0
        if "MAP_UNPINNED" not in features.missing():
            buffer.move(life.FOREVER)
            assert importer.do("again") == 0
        buffer.revoke(life.FOREVER)
        assert importer.do("again") == errno.ENODEV
        assert importer.do("again") == errno.ENODEV


def test_pinned_importer_stays_dead(buffer: life.Buffer) -> None:
    with importing(buffer, "import/ours", "--kind", "pinned") as importer:
        assert importer.result() == 0
        buffer.revoke(life.FOREVER, suspend=True)
        buffer.restore(life.FOREVER)
        assert importer.do("again") == errno.ENODEV


def test_misbehaviour_reaches_the_importer(buffer: life.Buffer) -> None:
    """It keeps its mapping until it has released all."""
    misbehave = ("--misbehave", "no-unmap", "SLOW_CALLBACK", "--delay", "1")
    with importing(buffer, "import/ours", *misbehave) as importer:
        assert importer.result() == 0
        assert not buffer.revoke()
        assert importer.do("again") == errno.ENODEV
        assert not buffer.revoke()
    assert buffer.revoke(life.FOREVER)


@pytest.mark.parametrize("adapter", [STATIC, RDMA, VGEM])
def test_E1_legacy_importer_is_refused(
    request: pytest.FixtureRequest, buffer: life.Buffer, adapter: tuple[str, ...]
) -> None:
    load_for(request, adapter[0])
    with importing(buffer, *adapter) as importer:
        assert importer.result() == errno.EOPNOTSUPP
        assert importer.do("again") == errno.EOPNOTSUPP
        assert importer.do("nonsense") == errno.EINVAL


def test_static_importer_holds_up_a_revoke(open_buffer: life.Buffer) -> None:
    with importing(open_buffer, *STATIC) as importer:
        assert importer.result() == 0
        assert open_buffer.maps() == (1, 1)
        assert not open_buffer.revoke()
        assert importer.do("again") == 0
    assert open_buffer.revoke(life.FOREVER)


def test_vgem_uses_what_is_revoked(vgem: None, open_buffer: life.Buffer) -> None:
    """Whether it has the buffer mapped, as Linux 6.1 and 6.12 do, or not, as 7.3."""
    with importing(open_buffer, *VGEM) as importer:
        assert importer.result() == 0
        mapped = bool(open_buffer.maps()[0])
        assert open_buffer.revoke() == (not mapped)
        assert importer.do("again") == 0
    assert open_buffer.revoke(life.FOREVER)


@pytest.mark.parametrize("more", [(), ("--stream",)])
def test_vivid_maps_until_it_releases(
    vivid: None, open_buffer: life.Buffer, more: tuple[str, ...]
) -> None:
    with importing(open_buffer, "import/vivid", *more) as importer:
        assert importer.result() == 0
        # One for each of its two buffers.
        assert open_buffer.maps() == (2, 2)
        assert importer.do("again") == 0
        assert not open_buffer.revoke()
        assert importer.do("again") == 0
    assert open_buffer.revoke(life.FOREVER)


def test_vivid_with_a_vmap_needs_no_leave(
    second_camera: str, buffer: life.Buffer
) -> None:
    with importing(buffer, "import/vivid", second_camera) as importer:
        assert importer.result() == 0
        assert buffer.maps() == (0, 0)
        assert not buffer.revoke()
        assert importer.do("again") == 0
    assert buffer.revoke(life.FOREVER)


def test_vivid_captures_into_the_buffer(vivid: None, open_buffer: life.Buffer) -> None:
    with importing(open_buffer, "import/vivid") as importer:
        assert importer.result() == 0
        with mmap.mmap(open_buffer.fd, LENGTH) as memory:
            assert any(memory)
            memory[:] = bytes(LENGTH)
            assert importer.do("again") == 0
            assert any(memory)


@pytest.mark.parametrize("adapter", ["import/ours", "import/vivid"])
def test_stream_goes_on_by_itself(
    request: pytest.FixtureRequest, open_buffer: life.Buffer, adapter: str
) -> None:
    load_for(request, adapter)
    with importing(open_buffer, adapter, "--stream") as importer:
        assert importer.result() == 0
        for _ in range(3):
            until_written(open_buffer)


@pytest.mark.parametrize("more", [(), ("--stream",)])
def test_virtio_gpu_follows(
    virtio_gpu: None, buffer: life.Buffer, more: tuple[str, ...]
) -> None:
    with importing(buffer, "import/screen", *more, "virtio_gpu") as importer:
        if importer.result() == errno.EOPNOTSUPP:
            pytest.skip("virtio-gpu has no callback: Linux 6.14, QEMU with blob=true")
        assert importer.do("again") == 0
        buffer.revoke(life.FOREVER, suspend=True)
        assert importer.do("again") == errno.ENODEV
        buffer.restore(life.FOREVER)
        assert importer.do("again") == 0
        if not more:
            buffer.move(life.FOREVER)
            assert importer.do("again") == 0
        buffer.revoke(life.FOREVER)
        assert importer.do("again") == errno.ENODEV


def test_iommufd_is_refused(buffer: life.Buffer) -> None:
    """The device that it attaches has no DMA mask; it wants physical addresses, of vfio-pci."""
    with importing(buffer, "import/iommufd") as importer:
        assert importer.result() == errno.EIO
        assert importer.do("again") == errno.EIO
        assert buffer.revoke(life.FOREVER)
        assert importer.do("again") == errno.ENODEV


def test_bochs_takes_a_vmap_for_each_picture_warns_vmap(
    bochs: None, open_buffer: life.Buffer
) -> None:
    """So that a revoke waits for nothing, and the next picture fails."""
    with importing(open_buffer, "import/screen", "bochs-drm") as importer:
        assert importer.result() == 0
        assert open_buffer.maps() == (0, 0)
        assert importer.do("again") == 0
        assert open_buffer.revoke(life.FOREVER)
        assert importer.do("again") == errno.ENODEV


EXPORTERS = {
    "heap": "system",
    "udmabuf": "udmabuf",
    "dumb vgem": "drm",
    "dumb bochs-drm": "drm",
    "dumb virtio_gpu": "virtio_gpu",
    "dumb qxl": "drm",
    "vivid": "videobuf2_dma_contig",
    "ours": "dmabuf_revoke_exporter",
}


@pytest.mark.parametrize("name", EXPORTERS)
def test_exporter_hands_over_a_buffer(
    request: pytest.FixtureRequest, name: str
) -> None:
    load_for(request, name)
    with exporting(name) as adapter:
        fd = adapter.buffer()
        about = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
        assert f"exp_name:\t{EXPORTERS[name]}\n" in about
        assert os.lseek(fd, 0, os.SEEK_END) == 1 << 20
        assert adapter.do("nonsense") == errno.EINVAL
        os.close(fd)


@pytest.mark.parametrize("name", ["heap", "udmabuf", "dumb vgem", "vivid"])
def test_what_the_driver_lacks_is_said(
    request: pytest.FixtureRequest, name: str
) -> None:
    load_for(request, name)
    with exporting(name) as adapter:
        os.close(adapter.buffer())
        for word in ("revoke", "suspend", "restore", "move"):
            assert adapter.do(word) == errno.EOPNOTSUPP
        if name != "vivid":
            assert adapter.do("remove") == errno.EOPNOTSUPP


def test_vivid_can_be_removed_with_a_buffer_out(vivid: None) -> None:
    """It comes again when all is released."""
    driver = Path("/sys/bus/platform/drivers/vivid")
    with Adapter("export/vivid") as adapter:
        fd = adapter.buffer()
        assert adapter.do("remove") == 0
        assert not (driver / "vivid.0").exists()
        attachment = life.attach_mapped(fd)
    os.close(attachment)
    os.close(fd)
    assert (driver / "vivid.0").exists()
    with Adapter("export/vivid") as adapter:
        os.close(adapter.buffer())


def errno_of_map(attachment: int) -> int:
    try:
        life.map_it(attachment)
    except OSError as error:
        return error.errno or 0
    return 0


def test_our_exporter_does_all() -> None:
    with Adapter("export/ours") as adapter:
        fd = adapter.buffer()
        attachment = life.attach_mapped(fd)
        assert adapter.do("suspend") == 0
        assert errno_of_map(attachment) == errno.ENODEV
        assert adapter.do("restore") == 0
        assert errno_of_map(attachment) == 0
        life.unmap(attachment)
        assert adapter.do("move") == 0
        assert adapter.do("revoke") == 0
        assert errno_of_map(attachment) == errno.ENODEV
        assert adapter.do("restore") == errno.ENODEV
        assert adapter.do("remove") == 0
        assert adapter.do("revoke") == errno.EBADF
        os.close(attachment)
        os.close(fd)


def _is_refused(fd: int) -> bool:
    try:
        os.close(life.attach(fd))
    except OSError as error:
        assert error.errno == errno.ENODEV
        return True
    return False


def until_refused(fd: int) -> None:
    """Until a revoke that somebody else makes has begun."""
    deadline = time.monotonic() + PATIENCE
    while not _is_refused(fd):
        assert time.monotonic() < deadline, "the revoke does not begin"


def test_our_exporter_goes_with_its_buffer() -> None:
    with Adapter("export/ours", "--length", str(2 * LENGTH)) as adapter:
        fd = adapter.buffer()
        assert os.lseek(fd, 0, os.SEEK_END) == 2 * LENGTH
        attachment = life.attach(fd)
        assert adapter.do("remove") == 0
        # A worker does it.
        until_refused(fd)
        assert errno_of_map(attachment) == errno.ENODEV
        os.close(attachment)
        os.close(fd)


def test_answer_comes_when_the_call_has_returned() -> None:
    with Adapter("export/ours", "--accept-legacy") as adapter:
        fd = adapter.buffer()
        attachment = life.attach_mapped(fd, life.LEGACY_STATIC)
        adapter.say("revoke")
        until_refused(fd)
        assert adapter.is_silent()
        os.close(attachment)
        assert adapter.result() == 0
        os.close(fd)


def test_faults_reach_the_exporter() -> None:
    with Adapter("export/ours", "--faults", "late-map", "FAIL_MAP") as adapter:
        fd = adapter.buffer()
        attachment = life.attach(fd)
        assert errno_of_map(attachment) == errno.ENOMEM
        os.close(attachment)
        os.close(fd)


@pytest.mark.usefixtures("peer_to_peer")
def test_vfio_suspends_restores_and_revokes(function: pci.Function) -> None:
    with function.driven_by("vfio-pci"), find().driven_by(DRIVER) as peer:
        with Adapter("export/vfio", function.address) as adapter:
            fd = adapter.buffer()
            attachment = attach(peer, fd, life.DYNAMIC, PEER2PEER, NONE)
            life.map_it(attachment)
            assert adapter.do("suspend") == 0
            assert errno_of_map(attachment) == errno.ENODEV
            assert adapter.do("restore") == 0
            assert errno_of_map(attachment) == 0
            assert adapter.do("move") == errno.EOPNOTSUPP
            assert adapter.do("revoke") == 0
            assert errno_of_map(attachment) == errno.ENODEV
            assert adapter.do("restore") == errno.EBADF
            # A function is closed once.
            assert adapter.do("revoke") == errno.EOPNOTSUPP
            os.close(attachment)
            os.close(fd)


def test_importer_alone_uses_it_once(buffer: life.Buffer) -> None:
    assert alone("import/ours", dmabuf=buffer.fd) == (0, "")
    status, message = alone(*STATIC, dmabuf=buffer.fd)
    assert (status, message) == (
        1,
        f"the dma-buf cannot be used: {os.strerror(errno.EOPNOTSUPP)}\n",
    )


@pytest.mark.parametrize(
    "command, message",
    [
        (("import/ours",), "DMABUF_REVOKE_FD names no dma-buf"),
        (("import/ours", "--kind", "no"), "Usage: "),
        (("import/ours", "--misbehave", "no"), "no bug is called no"),
        (("import/vivid", "--no"), "Usage: "),
        (("import/screen",), "Usage: "),
        (("import/screen", "--stream"), "Usage: "),
        (("export/ours",), "DMABUF_REVOKE_CONTROL names no socket"),
        (("export/ours", "--faults", "no"), "no bug is called no"),
        (("export/vfio",), "Usage: "),
        (("export/dumb",), "Usage: "),
    ],
)
def test_wrong_use_is_said(command: tuple[str, ...], message: str) -> None:
    status, said = alone(*command)
    assert status == USAGE
    assert said.startswith(message)


def test_every_bug_has_its_name() -> None:
    _, said = alone("export/ours", "--faults", *FAULTS)
    assert "no bug" not in said
    _, said = alone("import/ours", "--misbehave", *MISBEHAVIOURS)
    assert "no bug" not in said
