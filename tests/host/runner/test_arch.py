# SPDX-License-Identifier: GPL-2.0-only
"""Guests of another architecture than this machine's: what is made for them, how they are run."""
from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from guest import kernels, process
from guest.image import base as image, foreign
from guest.kernels.arch import AMD64, ARM64
from guest.machine import session, trace, vm
from guest.errors import RunnerError
from guest.settings import Limits, Machine, Settings, cache_directory
from guest.suite.host import CHOICES
from guest.tree import cache, chroot
from guest.tree.cpio import Archive

from ..sample import REPOSITORY

ROW = kernels.lookup("7.3-arm64")


@pytest.fixture
def on_amd64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


@pytest.fixture
def on_arm64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")


def line(name: str, accel: str = "tcg") -> list[str]:
    machine = Settings().machine_for(kernels.lookup(name))
    return vm.command(Path("image"), accel, machine, 3, {}, shell=False)


def test_each_architecture_has_its_machine() -> None:
    pc, virt = line("7.3"), line("7.3-arm64")
    assert pc[:3] == ["qemu-system-x86_64", "-M", "q35"]
    assert virt[:3] == ["qemu-system-aarch64", "-M", "virt,mte=on"]
    assert virt[virt.index("-cpu") + 1] == "max,pauth-impdef=on"
    words = virt[virt.index("-append") + 1].split()
    assert "console=ttyAMA0" in words and "sysrq_always_enabled" in words
    assert not [word for word in words if "tsc" in word or "nmi_panic" in word]
    assert "console=ttyS0" in pc[pc.index("-append") + 1]
    # All that is plugged in is the same.
    assert virt[virt.index("-drive") :] == pc[pc.index("-drive") :]


def test_under_kvm_the_interrupts_are_the_hosts() -> None:
    words = line("7.3-arm64", "kvm")
    assert words[words.index("-M") + 1] == "virt,gic-version=host"
    assert words[words.index("-cpu") + 1] == "host"


def test_the_console_is_told_to_the_guest() -> None:
    assert session._environment(ROW, session.Job())["DBR_CONSOLE"] == "ttyAMA0"


def test_nothing_is_foreign_at_home(on_arm64: None) -> None:
    assert not ARM64.foreign and AMD64.foreign
    assert ARM64.environment() == {} and ARM64.make_programs(64) == ["CC=gcc"]


def test_programs_are_made_by_a_cross_compiler(on_amd64: None) -> None:
    assert ARM64.environment() == {
        "ARCH": "arm64",
        "CROSS_COMPILE": "aarch64-linux-gnu-",
    }
    words = ARM64.make_programs(64)
    assert "CC=aarch64-linux-gnu-gcc" in words and "AR=aarch64-linux-gnu-ar" in words
    assert any("/usr/lib/aarch64-linux-gnu/pkgconfig" in word for word in words)
    assert AMD64.make_programs(64) == ["CC=gcc"]


def test_a_pc_is_not_emulated_elsewhere(on_arm64: None, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="7.3 is for amd64.*memory order"):
        foreign.prepare(tmp_path, kernels.lookup("7.3"))


def test_the_tools_run_here_and_build_for_there(on_amd64: None) -> None:
    wanted = foreign.packages(ARM64, "trixie-backports")
    assert "gcc-aarch64-linux-gnu:amd64" in wanted and "libc6-dev:arm64" in wanted
    assert "dkms" in wanted and "sparse" in wanted
    assert "?architecture(amd64)" in wanted[0] and "trixie-backports" in wanted[0]


def test_rows_of_one_archive_share_their_tools(on_amd64: None) -> None:
    rows = [row for row in kernels.TABLE.values() if row.kernel_suite != "trixie"]
    names = {name for name in foreign.names(rows)}
    assert names == {"trixie-backports.arm64-tools"}


def test_the_key_of_an_image_has_the_tools_in_it(on_amd64: None) -> None:
    alone = image.key(ROW, "1")
    tools = {image.key(ROW, "1", Path("a")), image.key(ROW, "1", Path("b"))}
    assert len({alone, *tools}) == 3


def test_a_foreign_tree_is_unpacked_only(
    on_amd64: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def run(what: str, command: list[str], **options: Any) -> str:
        seen.extend(command)
        return ""

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setattr(foreign, "complete", lambda *arguments: None)
    monkeypatch.setenv("DEBIAN_MIRROR", "http://mirror.example/debian")
    image._root_tree(ROW, tmp_path, tmp_path, tmp_path, tmp_path / "tree")
    assert "--variant=extract" in seen and "--architectures=arm64" in seen
    # A pattern has commas of its own.
    assert "--include=?essential" in seen
    (names,) = [word for word in seen if word.startswith("--include=init")]
    assert "linux-image-arm64" in names and "?" not in names
    assert any("dtb" in word for word in seen)


def test_what_scripts_of_packages_do_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    for name in ("etc", "usr/bin", "usr/share/base-passwd", "usr/lib/modules/7.3-a"):
        (tree / name).mkdir(parents=True)
    for name in ("passwd", "group"):
        (tree / f"usr/share/base-passwd/{name}.master").write_text("root:\n")
    commands: list[list[str]] = []
    binds: list[dict[str, Path]] = []
    monkeypatch.setattr(process, "run", lambda what, words: commands.append(words))
    monkeypatch.setattr(chroot, "run", lambda *words: binds.append(words[-1]))
    foreign.complete(tree, tmp_path / "tools", tmp_path)
    assert (tree / "etc/passwd").read_text() == "root:\n"
    assert os.readlink(tree / "usr/bin/cc") == "gcc"
    assert commands == [["depmod", "-b", str(tree), "7.3-a"]]
    assert binds == [{"image": tree}]


def test_a_tree_for_a_kernel_of_ones_own_has_a_place_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    for name in ("etc", "usr/bin", "usr/lib", "usr/share/base-passwd"):
        (tree / name).mkdir(parents=True)
    for name in ("passwd", "group"):
        (tree / f"usr/share/base-passwd/{name}.master").touch()
    monkeypatch.setattr(chroot, "run", lambda *words: "")
    foreign.complete(tree, tmp_path / "tools", tmp_path)
    assert (tree / "usr/lib/modules").is_dir()


CONSOLE = """\
[    9.5] sysrq: Trigger a crash
[    9.5] Kernel panic - not syncing: sysrq triggered crash
[    9.5] CPU: 0 UID: 0 PID: 1 Comm: sh Not tainted 7.3-arm64 #1
[    9.5] Call trace:
[    9.5]  panic+0x1/0x2
[    9.5] pstate: 60400005 (nZCv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
[    9.5] pc : dbr_wait+0x1f/0x20 [dmabuf_revoke_exporter]
[    9.5] lr : dbr_wait+0x1b/0x20 [dmabuf_revoke_exporter]
[    9.5] sp : ffff800080003c80
[    9.5] x29: ffff800080003c80 x28: 0000000000000000 x27: 0000000000000001
"""


def test_a_trace_of_arm64_is_read_as_one() -> None:
    assert trace.whereabouts(CONSOLE) == "at dbr_wait+0x1f/0x20"
    shown = trace.excerpt(CONSOLE)
    assert "Call trace" in shown and "pc : dbr_wait" in shown
    assert "x29" not in shown and "pstate" not in shown and "sp :" not in shown


def test_a_kernel_that_is_interrupted_has_no_registers_to_show() -> None:
    lines = [
        " el1h_64_irq+0x6c/0x70",
        " default_idle_call+0x34/0x2e8 (P)",
        " do_idle+1",
    ]
    console = "".join(f"[   35.3] {line}\r\n" for line in lines)
    assert trace.whereabouts(console) == "at default_idle_call+0x34/0x2e8"


def test_a_kernel_that_takes_no_interrupts_is_found_by_its_registers() -> None:
    registers = (
        r"\r\nCPU#0\r\n PC=ffff80007b2aa06c X00=0\r\nCPU#1\r\n PC=ffff8000812ac434"
    )
    raw = registers.replace(r"\r\n", "\r\n")
    for text in (registers, raw):
        where = trace.whereabouts("", text)
        assert where == "at ffff80007b2aa06c on CPU 0, ffff8000812ac434 on CPU 1"


@pytest.fixture(scope="module")
def entry() -> Path:
    if os.geteuid() != 0:
        pytest.skip("building and entering a root tree needs root")
    top = cache_directory()
    with cache.locked(top, ROW.home):
        return image.prepare(top, ROW)


def test_what_has_its_image_is_run_with_its_kernels() -> None:
    command = ["make", "-n", "-C", str(REPOSITORY)]
    recipes = {
        target: process.run("make", [*command, target])
        for target in ("check", "check-all", "check-arm64")
    }
    assert "--host foreign --kernel 7.3-arm64 " in recipes["check-arm64"]
    for target, which in {"check": "quick", "check-all": "all"}.items():
        assert "arm64" not in recipes[target] and f"--host {which}" in recipes[target]
        assert "not foreign" in CHOICES[which]
    assert CHOICES["foreign"] == "foreign"


@pytest.mark.parametrize("machine, row", [("x86_64", "7.3"), ("aarch64", "7.3-arm64")])
def test_this_machines_own_row_is_checked(
    machine: str, row: str, tmp_path: Path
) -> None:
    uname = tmp_path / "uname"
    uname.write_text(f"#!/bin/sh\necho {machine}\n")
    uname.chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    recipe = process.run(
        "make", ["env", path, "make", "-n", "-C", str(REPOSITORY), "check"]
    )
    assert re.findall(r"--kernel (\S+)", recipe) == [row]


@pytest.mark.foreign
def test_a_hang_shows_where_it_was(entry: Path) -> None:
    content = session.initrd(entry, "echo last words; exec sleep 1000", {})
    guest = vm.Guest(entry, content, "tcg", Machine(arch=ARM64, memory="512M"))
    limits = Limits(boot=300, silence=10, total=400)
    outcome = guest.wait(Archive().content(), limits, lambda data: None)
    assert re.match(r"hang: silent for 10 s \(at \w+\+0x", outcome.lost)
    assert re.search(r"task:sleep .*(\n.*)*hrtimer_nanosleep", outcome.console)
