# SPDX-License-Identifier: GPL-2.0-only
"""What programs say where their driver is not."""
from __future__ import annotations

import errno
import os
from typing import Iterator

import pytest

from tests.lib import life, modules

from .adapter import MISSING, Adapter, alone


@pytest.fixture(params=["vgem", "vivid"])
def absent(request: pytest.FixtureRequest) -> Iterator[str]:
    """Meanwhile: it comes back if it was there."""
    driver = str(request.param)
    there = modules.is_loaded(driver)
    if there and modules.run("modprobe", "-r", driver).returncode:
        pytest.skip(f"{driver} is in use")
    yield driver
    if there:
        assert modules.run("modprobe", driver).returncode == 0


def test_importer_says_what_it_lacks(absent: str, exporter: int) -> None:
    buffer = life.alloc(exporter, life.PAGE)
    status, said = alone(f"import/{absent}", dmabuf=buffer.fd)
    assert status == MISSING
    assert f"modprobe {absent}" in said
    os.close(buffer.fd)
    buffer.free()


EXPORTERS = {"vgem": ("export/dumb", "vgem"), "vivid": ("export/vivid",)}


def test_exporter_says_what_it_lacks(absent: str) -> None:
    adapter = Adapter(*EXPORTERS[absent])
    assert adapter.line() == f"failed {errno.ENOENT}"
    status, said = adapter.end()
    assert status == MISSING
    assert f"modprobe {absent}" in said
