# SPDX-License-Identifier: GPL-2.0-only
"""A tree with the shape of this repository and next to nothing in it."""
from __future__ import annotations

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = """
#include <linux/module.h>
MODULE_LICENSE("GPL");
"""
MAKEFILE = """
programs: $(BUILD)/tests/hello
$(BUILD)/tests/hello: tests/hello.c
	mkdir -p $(@D)
	$(CC) -o $@ $<
"""
HELLO = """
#include <stdio.h>
int main(void) { puts("hello"); return 0; }
"""
SUITE = """
import subprocess
from pathlib import Path
import pytest

def test_passes():
    # Compiled before there was a guest, as Python takes it.
    source = Path(__file__)
    (made,) = source.parent.glob("__pycache__/*-pytest-*.pyc")
    time, size = (int.from_bytes(made.read_bytes()[at:at + 4], "little") for at in (8, 12))
    assert (time, size) == (int(source.stat().st_mtime), source.stat().st_size)
    assert subprocess.check_output(["hello"]) == b"hello\\n"

def test_loads_the_module():
    subprocess.run(["modprobe", "dmabuf_revoke_exporter"], check=True)

@pytest.mark.skip(reason="not today")
def test_skips():
    pass

def test_fails():
    assert False
"""


def make_source(top: Path) -> Path:
    """Write the tree at ``top`` and return that."""
    for name in ("dkms.conf", "Kbuild"):
        top.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, top / name)
    for part in ("exporter", "importer"):
        (top / part).mkdir()
        (top / part / "Kbuild").write_text(f"obj-m := dmabuf_revoke_{part}.o\n")
        (top / part / f"dmabuf_revoke_{part}.c").write_text(MODULE)
    (top / "tests").mkdir()
    (top / "tests/hello.c").write_text(HELLO)
    (top / "tests/test_sample.py").write_text(SUITE)
    (top / "Makefile").write_text(MAKEFILE)
    return top
