# SPDX-License-Identifier: GPL-2.0-only
"""The guest of a survey has what its drivers are for, whatever the host lacks."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guest.machine import vm
from guest.settings import Machine
from guest.survey import run

from ..sample import REPOSITORY

OPEN = "import os; os.open('/dev/udmabuf', os.O_RDWR)"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "scripts").symlink_to(REPOSITORY / "scripts")
    return tmp_path


def test_memory_can_be_shared_and_is_of_one_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "UDMABUF", tmp_path)
    machine = run.machine_of(tmp_path, Machine(memory="3G", qemu_args=("-S",)))
    line = vm.command(Path("image"), "tcg", machine, 3, {}, shell=False)
    assert line[0] == "qemu-system-x86_64"
    assert line[line.index("-m") + 1] == "3G"
    assert "memory-backend-memfd,id=ram,size=3G,share=on" in line
    assert "virtio-gpu-pci,blob=true" in line
    assert line[-1] == "-S"


def test_host_without_udmabuf_seems_to_have_one(
    monkeypatch: pytest.MonkeyPatch, source: Path
) -> None:
    monkeypatch.setattr(run, "UDMABUF", source / "none")
    machine = run.machine_of(source, Machine())
    line = vm.command(Path("image"), "tcg", machine, 3, {}, shell=False)
    assert line[: len(machine.wrapper) + 1] == [*machine.wrapper, "qemu-system-x86_64"]
    subprocess.run([*machine.wrapper, sys.executable, "-c", OPEN], check=True)
