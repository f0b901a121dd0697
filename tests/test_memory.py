# SPDX-License-Identifier: GPL-2.0-only
"""Where a buffer's memory comes from: control groups, and never the OOM killer."""
from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Callable, Iterator

import pytest

from dbr import ioctls

MIB = 1 << 20
CGROUPS = Path("/sys/fs/cgroup")


def in_child(function: Callable[[], int]) -> int:
    """What the function returned in a child, or 256 + the signal that killed it."""
    pid = os.fork()
    if not pid:
        result = 255
        try:
            result = function()
        finally:
            os._exit(result)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return 256 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def try_to_alloc(length: int) -> int:
    """0, or the errno of ALLOC."""
    exporter = ioctls.open_node(ioctls.EXPORTER)
    try:
        ioctls.alloc(exporter, length)
    except OSError as error:
        return error.errno or 255
    return 0


def oom_kills() -> int:
    text = Path("/proc/vmstat").read_text(encoding="ascii")
    match = re.search(r"^oom_kill (\d+)", text, re.MULTILINE)
    assert match
    return int(match.group(1))


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group of 16 MiB."""
    if not (CGROUPS / "cgroup.controllers").exists():
        pytest.skip(f"no cgroup2 at {CGROUPS}: mount -t cgroup2 none {CGROUPS}")
    if "memory" not in (CGROUPS / "cgroup.controllers").read_text(encoding="ascii"):
        pytest.skip("no memory controller: CONFIG_MEMCG, no cgroup_disable=memory")
    (CGROUPS / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
    path = CGROUPS / f"dmabuf-revoke-tests-{os.getpid()}"
    path.mkdir()
    (path / "memory.max").write_text(str(16 * MIB), encoding="ascii")
    yield path
    path.rmdir()


def join(cgroup: Path) -> None:
    (cgroup / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


def current(cgroup: Path) -> int:
    return int((cgroup / "memory.current").read_text(encoding="ascii"))


def test_memory_is_charged_to_the_group(cgroup: Path) -> None:
    def charged() -> int:
        join(cgroup)
        before = current(cgroup)
        if try_to_alloc(8 * MIB):
            return 1
        return 0 if current(cgroup) >= before + 8 * MIB else 2

    assert in_child(charged) == 0


def test_full_group_is_ENOMEM_without_the_OOM_killer(cgroup: Path) -> None:
    def refused() -> int:
        join(cgroup)
        return try_to_alloc(64 * MIB)

    before = oom_kills()
    assert in_child(refused) == errno.ENOMEM
    assert oom_kills() == before
