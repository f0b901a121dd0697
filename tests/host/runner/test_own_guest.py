# SPDX-License-Identifier: GPL-2.0-only
"""A kernel of one's own in a guest, all but the compilation.

The kernel is the image's, in a directory that looks like the one it was built in. Its make
installs modules that DKMS has built: what the image's own build tree could do only in there.
"""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from guest import kernels
from guest.image import base as image, modules
from guest.kernel import own
from guest.machine import session
from guest.tree import cache, chroot
from guest.settings import Settings, cache_directory

from ..sample import REPOSITORY

pytestmark = pytest.mark.whole

#: What make needs to install, and what tells of the build, out of the image.
COLLECT = r"""
release=$(ls /usr/lib/modules)
from=/usr/lib/modules/$release to=/out/lib/modules/$release
mkdir -p $to/kernel /out/include/config
for module in virtio_pci virtio_blk virtio_console erofs overlay; do
    modprobe -S $release --show-depends $module
done | while read -r kind path _; do
    [ $kind != insmod ] || cp $path $to/kernel/
done
cp $from/modules.builtin $from/modules.builtin.modinfo $from/modules.order $to/
depmod -b /out $release
cp $from/build/.config $from/build/Module.symvers /out/
cp $from/build/include/config/auto.conf /out/include/config/
echo $release >/out/include/config/kernel.release
"""
MAKEFILE = """
lib := $(INSTALL_MOD_PATH)/lib
modules:
	test -e $(M)/Kbuild
modules_install:
	mkdir -p $(lib)/modules/{release}/$(INSTALL_MOD_DIR)
	if [ -n "$(M)" ]; then cp -r {made}/* $(lib)/modules/{release}/$(INSTALL_MOD_DIR)/; \
		depmod -b $(INSTALL_MOD_PATH) {release}; else cp -r lib/* $(lib)/; fi
"""
JOB = """
uname -r
modprobe dmabuf_revoke_exporter && cut -d' ' -f1 /proc/modules | grep revoke
hello
ls /usr/lib/modules
grep CONFIG_MODULES= /lib/modules/$(uname -r)/config
"""


def build_tree(kernel: kernels.Kernel, entry: Path, source: Path, tree: Path) -> Path:
    """What looks like the directory in which the image's kernel was built, for modules of source."""
    top, release = cache_directory(), session.release_of(entry)
    with cache.locked(top, kernel.name):
        made = modules.prepare(kernel, source, top, entry, release)
    tree.mkdir()
    chroot.run("collecting", top / "mnt", entry, COLLECT, {"out": tree})
    text = MAKEFILE.format(release=release, made=made / "modules/updates")
    (tree / "Makefile").write_text(text)
    (tree / "modules.order").touch()
    return tree


@pytest.fixture
def row(
    kernel: kernels.Kernel,
    entry: Path,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> kernels.Kernel:
    tree = build_tree(kernel, entry, source, tmp_path / "linux")
    monkeypatch.setenv("CC", "none-is-called")
    return own.kernel(str(tree), str(entry / "vmlinux"))


def test_it_runs_with_its_modules_and_ours(
    row: kernels.Kernel, entry: Path, source: Path
) -> None:
    output: list[bytes] = []
    job = session.Job(JOB)
    outcome = session.run(row, Settings(source=source), job, output.append)
    assert not outcome.lost, outcome.console
    release = session.release_of(entry)
    expected = [release, "dmabuf_revoke_exporter", "hello", release, "CONFIG_MODULES=y"]
    assert b"".join(output).decode().split() == expected
    assert outcome.status == 0


def test_a_rebuilt_kernel_does_not_make_a_new_root_tree(row: kernels.Kernel) -> None:
    top = cache_directory()
    with cache.locked(top, row.name):
        first = image.prepare(top, row)
        assert image.prepare(top, row) == first
        assert row.built
        (row.built.directory / "Module.symvers").write_text("0x0 f vmlinux EXPORT\n")
        second = image.prepare(top, row)
    assert second != first
    for part in ("root.erofs", "programs", "workshops"):
        assert (first / part).resolve() == (second / part).resolve()
    assert (first / "layer.erofs").resolve() != (second / "layer.erofs").resolve()


MODULE = """
#include <linux/module.h>
static int __init yours_init(void)
{
	pr_info("it is loaded\\n");
	return 0;
}
module_init(yours_init);
MODULE_LICENSE("GPL");
"""
PROGRAM = "#!/bin/sh\nexec dmabuf-revoke attach\n"


def test_make_judge_with_kernel_module_and_program_of_ones_own(
    kernel: kernels.Kernel, entry: Path, tmp_path: Path
) -> None:
    """As it is typed, with this repository: the verdicts are real."""
    tree = build_tree(kernel, entry, REPOSITORY, tmp_path / "linux")
    module, program = tmp_path / "module", tmp_path / "try"
    module.mkdir()
    (module / "yours.c").write_text(MODULE)
    (module / "Kbuild").write_text("obj-m := yours.o\n")
    build = "make -C /usr/lib/modules/*/build M=/out modules"
    chroot.run("building", cache_directory() / "mnt", entry, build, {"out": module})
    program.write_text(PROGRAM)
    program.chmod(0o755)
    arguments = {
        "KERNEL_BUILD": tree,
        "KERNEL_IMAGE": entry / "vmlinux",
        "MODULE": module,
        "IMPORTER": program,
        "JUDGE": "--scenario revoke-idle,revoke-mapped",
    }
    done = subprocess.run(
        ["make", "-C", str(REPOSITORY), "judge"]
        + [f"{name}={value}" for name, value in arguments.items()],
        capture_output=True,
        text=True,
        env={**os.environ, "CC": "none-is-called"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS    I4" in done.stdout and "FAIL" not in done.stdout, done.stdout
    results = REPOSITORY / "build/judge"
    assert "<testcase" in (results / "junit.xml").read_text()
    assert "it is loaded" in (results / "dmesg.txt").read_text()
