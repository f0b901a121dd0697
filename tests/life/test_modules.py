# SPDX-License-Identifier: GPL-2.0-only
"""Both modules as a whole: loading, nodes, parameters. unload/ has their removal."""
from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Iterator

import pytest

from tests.gates.counts import MODULES
from tests.lib import ioctls
from tests.lib.modules import (
    EXPORTER,
    NODES,
    assert_both_work,
    is_loaded,
    load,
    load_what_is_missing,
    run,
    unload,
)


@pytest.fixture(autouse=True)
def both_loaded() -> Iterator[None]:
    """Whatever a test does, the next one finds both modules with default parameters."""
    yield
    load_what_is_missing()


def close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("path", [ioctls.EXPORTER, ioctls.IMPORTER])
def test_node_is_for_root_only(path: str) -> None:
    status = os.stat(path)
    assert stat.S_ISCHR(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert (status.st_uid, status.st_gid) == (0, 0)


def test_unload_and_load_again_and_again() -> None:
    for _ in range(3):
        for name in MODULES:
            unload(name)
        for name in MODULES:
            load(name)


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


@pytest.mark.parametrize(
    "name, parameter",
    [
        (EXPORTER, "limit_mb=many"),
        (EXPORTER, "limit_mb=-1"),
        (EXPORTER, "warn_ms=soon"),
        (EXPORTER, "warn_ms=99999999999"),
    ],
)
def test_bad_parameter_leaves_nothing_loaded(name: str, parameter: str) -> None:
    unload(name)
    done = run("modprobe", name, parameter)
    assert done.returncode != 0
    assert not is_loaded(name) and not os.path.exists(NODES[name])
    load(name)
    assert_both_work()


@pytest.mark.parametrize("name", MODULES)
def test_loading_twice_is_refused(name: str) -> None:
    """By insmod: modprobe does not even try."""
    file = run("modinfo", "-n", name).stdout.strip()
    done = run("insmod", file)
    assert done.returncode != 0 and "File exists" in done.stderr
    assert_both_work()
