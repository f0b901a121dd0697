# SPDX-License-Identifier: GPL-2.0-only
"""The guest runner under test, a small source tree for it, and the kernel's image."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .sample import REPOSITORY, make_source

sys.path.insert(0, str(REPOSITORY / "scripts"))

from guest import kernels, settings  # noqa: E402
from guest.image import base as image  # noqa: E402
from guest.output import history  # noqa: E402
from guest.tree import cache  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "whole: makes packages, further images or a build of its own: `make check-all`",
    )
    config.addinivalue_line(
        "markers", "foreign: has an image of another architecture: `make check-arm64`"
    )


@pytest.fixture(autouse=True)
def history_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a made-up run takes is nothing to foretell a real one by."""
    monkeypatch.setattr(history, "cache_directory", lambda: tmp_path / "history")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path / "source")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build directory with the command in it, for all that is installed from one."""
    build = tmp_path_factory.mktemp("compiled")
    command = ["make", "-s", f"-j{os.cpu_count()}", "-C", str(REPOSITORY / "tools")]
    subprocess.run([*command, f"BUILD={build}"], check=True)
    return build


@pytest.fixture(scope="session")
def kernel() -> kernels.Kernel:
    return kernels.lookup(kernels.DEFAULT)


@pytest.fixture(scope="session")
def entry(kernel: kernels.Kernel) -> Path:
    """The image that the real runs use too."""
    if os.geteuid() != 0:
        pytest.skip("building and entering a root tree needs root")
    top = settings.cache_directory()
    with cache.locked(top, kernel.name):
        return image.prepare(top, kernel)
