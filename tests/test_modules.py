# SPDX-License-Identifier: GPL-2.0-only
"""Both modules as a whole: loading, nodes, parameters, and unloading at awkward moments."""
from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import stat
import struct
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from dbr import ioctls
from dbr.counts import MODULES

EXPORTER, IMPORTER = MODULES
SYNC_IOC_MERGE = 0xC0303E03
SYNC_IOC_FILE_INFO = 0xC0383E04
FILE_INFO = "=32siIIIQ"
FENCE_INFO = "=32s32siIQ"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def load(name: str, *parameters: str) -> None:
    done = run("modprobe", name, *parameters)
    assert done.returncode == 0, done.stderr


def unload(name: str) -> None:
    done = run("rmmod", name)
    assert done.returncode == 0, done.stderr


def is_loaded(name: str) -> bool:
    return Path("/sys/module", name).exists()


def refused_as_in_use(name: str) -> bool:
    done = run("rmmod", name)
    return done.returncode != 0 and "in use" in done.stderr


@pytest.fixture(autouse=True)
def both_loaded() -> Iterator[None]:
    """Whatever a test does, the next one finds both modules with default parameters."""
    yield
    for name in MODULES:
        if not is_loaded(name):
            load(name)


def close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("path", [ioctls.EXPORTER, ioctls.IMPORTER])
def test_node_is_for_root_only(path: str) -> None:
    status = os.stat(path)
    assert stat.S_ISCHR(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert (status.st_uid, status.st_gid) == (0, 0)


@pytest.mark.parametrize(
    "name, path", [(EXPORTER, ioctls.EXPORTER), (IMPORTER, ioctls.IMPORTER)]
)
def test_unload_takes_the_node_away(name: str, path: str) -> None:
    unload(name)
    assert not os.path.exists(path)
    load(name)
    close(ioctls.open_node(path))


def test_unload_and_load_again_and_again() -> None:
    for _ in range(3):
        for name in MODULES:
            unload(name)
        for name in MODULES:
            load(name)


def test_neither_module_needs_the_other() -> None:
    for name in MODULES:
        holders = Path("/sys/module", name, "holders")
        assert not list(holders.iterdir())


def test_open_exporter_refuses_unload() -> None:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    assert refused_as_in_use(EXPORTER)
    close(exporter)


def test_dma_buf_alone_refuses_unload() -> None:
    exporter = ioctls.open_node(ioctls.EXPORTER)
    _, dmabuf = ioctls.alloc(exporter, 4096)
    close(exporter)
    assert refused_as_in_use(EXPORTER)
    close(dmabuf)


def test_open_importer_refuses_unload() -> None:
    importer = ioctls.open_node(ioctls.IMPORTER)
    assert refused_as_in_use(IMPORTER)
    close(importer)


class Attached:
    """An attachment of which every other descriptor is closed."""

    def __init__(self) -> None:
        self.exporter = ioctls.open_node(ioctls.EXPORTER)
        importer = ioctls.open_node(ioctls.IMPORTER)
        _, self.dmabuf = ioctls.alloc(self.exporter, 4096)
        self.attachment = ioctls.attach(importer, self.dmabuf)
        close(importer)


def test_attachment_alone_refuses_unload_of_both() -> None:
    it = Attached()
    close(it.exporter, it.dmabuf)
    assert refused_as_in_use(EXPORTER)
    assert refused_as_in_use(IMPORTER)
    close(it.attachment)


def fence_status(fence: int) -> int:
    """1: signalled; 0: not; negative: signalled with this error.

    Asks for the details too, since the names come from whoever made the fence.
    """
    details = ctypes.create_string_buffer(struct.calcsize(FENCE_INFO))
    address = ctypes.addressof(details)
    arg = bytearray(struct.pack(FILE_INFO, b"", 0, 0, 1, 0, address))
    fcntl.ioctl(fence, SYNC_IOC_FILE_INFO, arg)
    status: int = struct.unpack(FILE_INFO, arg)[1]
    timeline, driver, same, *_ = struct.unpack(FENCE_INFO, details.raw)
    assert timeline.strip(b"\0") and driver.strip(b"\0")
    assert same == status
    return status


def merged(fence: int) -> int:
    """A new sync_file of this one and itself."""
    arg = bytearray(struct.pack("=32siiII", b"merged", fence, 0, 0, 0))
    fcntl.ioctl(fence, SYNC_IOC_MERGE, arg)
    result: int = struct.unpack("=32siiII", arg)[2]
    return result


def is_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def try_to_unload_importer() -> None:
    """It may go, or stay for the sake of a fence; nothing else."""
    refused = refused_as_in_use(IMPORTER)
    assert is_loaded(IMPORTER) == refused


def test_sync_file_outlives_the_importer() -> None:
    it = Attached()
    fence = ioctls.submit_fence(it.attachment, 600 * 10**9)
    close(it.attachment, it.dmabuf, it.exporter)
    try_to_unload_importer()
    assert is_readable(fence)
    assert fence_status(fence) == -errno.ECANCELED
    second = merged(fence)
    assert is_readable(second)
    close(fence, second)


def test_sync_file_of_a_finished_job_outlives_the_importer() -> None:
    it = Attached()
    fence = ioctls.submit_fence(it.attachment, 0)
    assert select.select([fence], [], [], 5)[0]
    close(it.attachment, it.dmabuf, it.exporter)
    try_to_unload_importer()
    assert fence_status(fence) == 1
    close(fence)


def test_fence_on_a_buffer_outlives_the_importer() -> None:
    """The dma_resv of the buffer keeps the fence, and the exporter looks at it."""
    it = Attached()
    close(ioctls.submit_fence(it.attachment, 600 * 10**9))
    close(it.attachment)
    try_to_unload_importer()
    assert is_readable(it.dmabuf)
    assert ioctls.list_count(it.exporter) == 1
    info = Path(f"/proc/self/fdinfo/{it.dmabuf}").read_text(encoding="ascii")
    assert "exp_name" in info
    bufinfo = Path("/sys/kernel/debug/dma_buf/bufinfo")
    if bufinfo.exists():
        assert EXPORTER in bufinfo.read_text(encoding="ascii")
    close(it.dmabuf, it.exporter)


def test_limit_mb_is_honoured() -> None:
    unload(EXPORTER)
    load(EXPORTER, "limit_mb=3")
    exporter = ioctls.open_node(ioctls.EXPORTER)
    try:
        assert ioctls.exporter_info(exporter)[2] == 3 << 20
        _, dmabuf = ioctls.alloc(exporter, 2 << 20)
        with pytest.raises(OSError) as error:
            ioctls.alloc(exporter, (1 << 20) + 1)
        assert error.value.errno == errno.ENOMEM
        _, second = ioctls.alloc(exporter, 1 << 20)
        assert ioctls.exporter_info(exporter)[:2] == (2, 3 << 20)
        close(dmabuf, second)
    finally:
        close(exporter)
        unload(EXPORTER)


def test_limit_mb_can_be_changed() -> None:
    parameter = Path("/sys/module", EXPORTER, "parameters/limit_mb")
    before = parameter.read_text(encoding="ascii")
    exporter = ioctls.open_node(ioctls.EXPORTER)
    try:
        parameter.write_text("1\n", encoding="ascii")
        assert ioctls.exporter_info(exporter)[2] == 1 << 20
        with pytest.raises(OSError) as error:
            ioctls.alloc(exporter, 2 << 20)
        assert error.value.errno == errno.ENOMEM
    finally:
        parameter.write_text(before, encoding="ascii")
        close(exporter)


def test_limit_mb_is_checked_when_loading() -> None:
    unload(EXPORTER)
    done = run("modprobe", EXPORTER, "limit_mb=many")
    assert done.returncode != 0
    assert not is_loaded(EXPORTER)
