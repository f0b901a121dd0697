# SPDX-License-Identifier: GPL-2.0-only
"""A kernel that somebody has built: what is asked of it, and what becomes of it."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from guest import cli, kernels
from guest.image import layer
from guest.kernel import boot, hostbuild, kbuild, own
from guest.machine import accel
from guest.errors import RunnerError
from guest.kernels import Build, arch
from guest.kernels.arch import AMD64, ARM64

from ..sample import REPOSITORY

RELEASE = "7.4.0-mine"
GCC = "gcc (Debian 14.2.0-19) 14.2.0"
NEEDS = list(kbuild.symbols(kbuild.NEEDS.read_text()))


def bzimage(release: str) -> bytes:
    """As much of one as tells its release."""
    header = bytearray(0x400)
    header[0x202:0x206] = b"HdrS"
    header[0x20E:0x210] = (0x100).to_bytes(2, "little")
    text = f"{release} (me@box) #1 SMP".encode()
    header[0x300 : 0x300 + len(text)] = text
    return bytes(header)


def configure(tree: Path, **changes: str) -> None:
    """The configuration a guest needs, but for ``changes``; an empty one is not set."""
    values = {name: "y" for name in NEEDS}
    values["CONFIG_CC_VERSION_TEXT"] = f'"{GCC}"'
    values.update({f"CONFIG_{name}": value for name, value in changes.items()})
    lines = [f"{name}={value}\n" for name, value in values.items() if value]
    (tree / own.BUILT[0]).write_text("".join(lines))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What make leaves, as far as it is looked at."""
    top = tmp_path / "linux"
    for name in ("include/config", "arch/x86/boot", "drivers"):
        (top / name).mkdir(parents=True)
    (top / ".config").touch()
    (top / "Makefile").touch()
    (top / "include/config/kernel.release").write_text(f"{RELEASE}\n")
    (top / "Module.symvers").touch()
    (top / "modules.order").write_text("drivers/a.o\n")
    (top / "drivers/a.ko").write_bytes(b"module")
    (top / AMD64.image).write_bytes(bzimage(RELEASE))
    configure(top)
    return top


def test_the_build_directory_is_enough(tree: Path) -> None:
    row = own.kernel(str(tree))
    assert row.name == kernels.OWN
    assert row.built == Build(tree, tree / AMD64.image)
    stock = kernels.lookup(kernels.DEFAULT)
    assert (row.patience, row.memory, row.shards) == (1.0, stock.memory, 1)


@pytest.mark.parametrize("symbol", ["KASAN", "PROVE_LOCKING", "DEBUG_KMEMLEAK"])
def test_an_instrumented_kernel_is_given_what_ours_is(tree: Path, symbol: str) -> None:
    configure(tree, **{symbol: "y"})
    row = own.kernel(str(tree))
    assert row.arch is AMD64
    for field in ("patience", "memory", "append", "shards"):
        assert getattr(row, field) == getattr(kernels.debug(row.arch), field)
    assert not row.part and not row.counted


@pytest.fixture
def arm64(tree: Path) -> Path:
    """The same for arm64, whose Image is not compressed."""
    image = tree / ARM64.image
    image.parent.mkdir(parents=True)
    image.write_bytes(
        bytes(0x38) + b"ARM\x64" + f"\0Linux version {RELEASE} (me@box)".encode()
    )
    values = {name: "y" for name in kbuild.needed(ARM64)}
    lines = [f"{name}={value}\n" for name, value in values.items()]
    text = f'CONFIG_CC_VERSION_TEXT="{GCC}"\n'
    (tree / own.BUILT[0]).write_text(text + "".join(lines))
    return tree


def test_a_kernel_of_arm64_is_one_by_its_configuration(arm64: Path) -> None:
    row = own.kernel(str(arm64))
    assert row.arch is ARM64 and row.built
    assert row.built.image == arm64 / ARM64.image
    assert own.release_of(row.built.image) == RELEASE
    assert layer._bootable(row.built.image, {}) == row.built.image.read_bytes()


def test_a_kernel_of_arm64_has_a_console_of_its_own(arm64: Path) -> None:
    config = arm64 / own.BUILT[0]
    config.write_text(config.read_text().replace("CONFIG_SERIAL_AMBA_PL011=y\n", ""))
    lacks = r"needs: CONFIG_SERIAL_AMBA_PL011\n(.*\n)*.*guest\.config .*arm64\.config"
    with pytest.raises(RunnerError, match=lacks):
        own.kernel(str(arm64))
    assert not {"CONFIG_ACPI", "CONFIG_SERIAL_8250"} & set(kbuild.needed(ARM64))
    assert set(NEEDS) == set(kbuild.needed(AMD64))


def without(*names: str) -> Callable[[Path], None]:
    def remove(tree: Path) -> None:
        for name in names:
            (tree / name).unlink()

    return remove


def is_of_another_release(tree: Path) -> None:
    (tree / AMD64.image).write_bytes(bzimage("7.4.0-rc1"))


def is_no_kernel(tree: Path) -> None:
    (tree / AMD64.image).write_bytes(b"#!/bin/sh\n")


@pytest.mark.parametrize(
    "spoil, message",
    [
        (without(".config"), r"no \.config: KERNEL_BUILD is where"),
        (without("Makefile"), "no Makefile: KERNEL_BUILD is where"),
        (without(own.BUILT[0]), r"no include/config/auto\.conf: .*run make"),
        (without(own.BUILT[1]), r"no include/config/kernel\.release: .*run make"),
        (without("Module.symvers"), r"no Module\.symvers: .*modules.*run make"),
        (without("modules.order"), r"no modules\.order: .*modules.*run make"),
        (without(AMD64.image), "no kernel at .*/bzImage: run make.*KERNEL_IMAGE="),
        (is_of_another_release, "is a kernel 7.4.0-rc1, .* are for 7.4.0-mine"),
        (is_no_kernel, "is no kernel: .*bzImage or a vmlinux"),
    ],
)
def test_what_is_no_complete_build_is_refused(
    tree: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(tree)
    with pytest.raises(RunnerError, match=message):
        own.kernel(str(tree))


def test_an_image_needs_its_tree(tree: Path) -> None:
    with pytest.raises(RunnerError, match="KERNEL_BUILD=DIRECTORY"):
        own.kernel("", str(tree / AMD64.image))


def test_another_image_of_the_same_build_may_be_named(tree: Path) -> None:
    vmlinux = tree / "vmlinux"
    vmlinux.write_bytes(b"\x7fELF...Linux version " + RELEASE.encode() + b" (me@box)")
    configure(tree, PVH="y")
    row = own.kernel(str(tree), str(vmlinux))
    assert row.built and row.built.image == vmlinux
    for changes in ({"PVH": ""}, {"PVH": "y", "KASAN": "y"}):
        configure(tree, **changes)
        own.kernel(str(tree))
        with pytest.raises(RunnerError, match="vmlinux does not boot: .*bzImage"):
            own.kernel(str(tree), str(vmlinux))


@pytest.mark.parametrize("name", NEEDS)
def test_each_thing_a_guest_needs_is_named(tree: Path, name: str) -> None:
    short = name.removeprefix("CONFIG_")
    configure(tree, **{short: ""})
    with pytest.raises(RunnerError, match=rf"needs: {name}\n(.*\n)*.*merge_config\.sh"):
        own.kernel(str(tree))
    # Before there is a root tree a module can come out of the initramfs only.
    configure(tree, **{short: "m"})
    loadable = name in boot.MODULES.values()
    assert own.missing(own.config(tree)) == ([] if loadable else [name])


def test_all_that_is_missing_is_named_at_once(tree: Path) -> None:
    configure(tree, EROFS_FS="", SYNC_FILE="")
    with pytest.raises(RunnerError, match="CONFIG_EROFS_FS, CONFIG_SYNC_FILE\n"):
        own.kernel(str(tree))


def test_the_initramfs_loads_nothing_that_is_not_checked() -> None:
    assert set(boot.MODULES.values()) <= set(NEEDS)


def program(path: Path, banner: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{banner}'\necho Copyright\n")
    path.chmod(0o755)


CLANG = {"CONFIG_CC_IS_CLANG": "y", "CONFIG_LD_IS_LLD": "y"}


@pytest.mark.parametrize(
    "config, text, arguments",
    [
        ({}, "gcc 14", ["CC={bin}/gcc-14"]),
        ({}, "gcc 12", ["CC={bin}/gcc"]),
        ({"CONFIG_LD_IS_LLD": "y"}, "gcc 14", ["CC={bin}/gcc-14", "LD=ld.lld"]),
        (CLANG, "clang 19", ["LLVM=-19"]),
        (CLANG, "clang 14", ["LLVM={bin}/"]),
        ({"CONFIG_CC_IS_CLANG": "y"}, "clang 19", ["CC={bin}/clang-19"]),
    ],
)
def test_the_compiler_is_the_one_of_the_kernel(
    config: dict[str, str],
    text: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, banner in [
        ("gcc", "gcc 12"),
        ("gcc-14", "gcc 14"),
        ("gcc-ar-14", "gcc 14"),
        ("clang", "clang 14"),
        ("clang-19", "clang 19"),
    ]:
        program(tmp_path / name, banner)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("CC", "LLVM"):
        monkeypatch.delenv(name, raising=False)
    found = hostbuild.toolchain({**config, "CONFIG_CC_VERSION_TEXT": f'"{text}"'})
    assert found == [argument.format(bin=tmp_path) for argument in arguments]


def test_a_compiler_for_another_architecture_is_found_by_its_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arch, "host", lambda: AMD64)
    for name in ("gcc", "aarch64-linux-gnu-gcc-14", "aarch64-linux-gnu-gcc"):
        program(tmp_path / name, name)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("CC", "LLVM"):
        monkeypatch.delenv(name, raising=False)
    for name in ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-gcc-14"):
        config = {"CONFIG_ARM64": "y", "CONFIG_CC_VERSION_TEXT": f'"{name}"'}
        assert hostbuild.toolchain(config) == [
            "ARCH=arm64",
            "CROSS_COMPILE=aarch64-linux-gnu-",
            f"CC={tmp_path}/{name}",
        ]


def test_a_compiler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CC", "LLVM"):
        monkeypatch.delenv(name, raising=False)
    config = {"CONFIG_CC_VERSION_TEXT": '"gcc 2.95"'}
    with pytest.raises(RunnerError, match="'gcc 2.95'.*LLVM= or CC="):
        hostbuild.toolchain(config)
    monkeypatch.setenv("CC", "old-gcc")
    assert hostbuild.toolchain(config) == ["CC=old-gcc"]
    monkeypatch.setenv("LLVM", "-18")
    assert hostbuild.toolchain(config) == ["LLVM=-18"]


def test_a_build_is_known_again_by_what_it_left(tree: Path) -> None:
    build = Build(tree, tree / AMD64.image)
    first = layer.key(build)
    assert layer.key(build) == first
    seen = {first}
    (tree / "drivers/a.ko").write_bytes(b"another module")
    seen.add(layer.key(build))
    (tree / AMD64.image).write_bytes(bzimage(RELEASE) + b"\1")
    seen.add(layer.key(build))
    configure(tree, KASAN="y")
    seen.add(layer.key(build))
    (tree / "Module.symvers").write_text("0 symbol vmlinux EXPORT_SYMBOL\n")
    seen.add(layer.key(build))
    assert len(seen) == 5


def test_modules_are_found_as_old_and_new_kernels_list_them(tree: Path) -> None:
    new = layer.modules_of(tree)
    (tree / "modules.order").write_text("kernel/drivers/a.ko\n")
    assert layer.modules_of(tree) == new == [tree / "drivers/a.ko"]
    (tree / "drivers/a.ko").unlink()
    with pytest.raises(RunnerError, match="no drivers/a.ko: .*run make"):
        layer.modules_of(tree)


WRITES = "all:\n\ttouch {place}/left-behind\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("place", ["linux", "source"])
def test_make_leaves_nothing_in_the_trees(
    tree: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A make that tries to is the control: it fails, and nothing is there."""
    monkeypatch.setenv("CC", "cc")
    for name in ("source", "out"):
        (tmp_path / name).mkdir()
    (tree / "source").symlink_to(tmp_path / "source")
    build = Build(tree, tree / AMD64.image)
    makefile = tree / "Makefile"
    makefile.write_text(WRITES.format(place=tmp_path / place))
    with pytest.raises(RunnerError, match="(?s)trying failed.*Read-only"):
        hostbuild.make("trying", build, ["all"])
    assert not (tmp_path / place / "left-behind").exists()
    makefile.write_text(WRITES.format(place=tmp_path / "out"))
    hostbuild.make("trying", build, ["all"])
    assert (tmp_path / "out/left-behind").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_variables_of_our_make_are_not_the_kernels(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those given to `make check` reach the runner by its environment."""
    monkeypatch.setenv("CC", "cc-of-the-kernel")
    monkeypatch.setenv("MAKEFLAGS", "-n -- KERNELS=own")
    monkeypatch.setenv("ARCH", "arm64")
    recipe = "@echo seen '$(KERNELS)$(ARCH)' $(CC) $(M)"
    (tree / "Makefile").write_text(f"all:\n\t{recipe}\n")
    build = Build(tree, tree / AMD64.image)
    text = hostbuild.make("trying", build, ["M=/m", "all"])
    assert text == "seen  cc-of-the-kernel /m\n"


def test_what_has_not_changed_is_not_compiled_again(tmp_path: Path) -> None:
    source, work = tmp_path / "source", tmp_path / "work"
    source.mkdir()
    files = {name: source / name for name in ("a.c", "b.c")}
    for path in files.values():
        path.write_text("int x;\n")
    hostbuild.update(work, files)
    for name in files:
        os.utime(work / name, (1, 1))
    files["a.c"].write_text("int y;\n")
    hostbuild.update(work, files)
    assert (work / "a.c").read_text() == "int y;\n"
    assert (work / "a.c").stat().st_mtime > 1 == (work / "b.c").stat().st_mtime


def choose(*arguments: str) -> list[str]:
    options = cli.parser().parse_args(["build", *arguments])
    return [row.name for row in cli.chosen_kernels(options)]


def test_a_kernel_of_ones_own_runs_alone_unless_others_are_named(tree: Path) -> None:
    given = ["--kernel-build", str(tree)]
    assert choose() == [kernels.DEFAULT]
    assert choose(*given) == [kernels.OWN]
    assert choose(*given, "--kernel", "6.1", "--kernel", "own") == ["6.1", "own"]
    with pytest.raises(RunnerError, match="only 6.1 chosen: its name is own"):
        choose(*given, "--kernel", "6.1")
    with pytest.raises(RunnerError, match="KERNEL_BUILD=DIRECTORY"):
        choose("--kernel", "own")


def check_recipe(*variables: str) -> str:
    command = ["make", "-n", "-C", str(REPOSITORY), "check", *variables]
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def test_make_check_runs_the_suite_only_on_it() -> None:
    alone = check_recipe("KERNEL_BUILD=/linux")
    assert "--kernel-build '/linux'" in alone and "--kernel own" in alone
    assert alone.count("--kernel ") == 1
    assert "--lint" not in alone and "--host" not in alone
    several = check_recipe("KERNEL_BUILD=/linux", "KERNELS=7.3 own")
    assert "--lint 7.3 " in several and "--host" in several
    assert "--kernel 7.3 --kernel own" in several
    assert "--kernel own" not in check_recipe()


def test_the_emulator_of_its_architecture_is_set_up(tmp_path: Path) -> None:
    config = tmp_path / "include/config/auto.conf"
    config.parent.mkdir(parents=True)
    for symbol, wanted in (("CONFIG_ARM64", True), ("CONFIG_X86", False)):
        config.write_text(f"{symbol}=y\nCONFIG_ARM64_PAN=y\n")
        recipe = check_recipe(f"KERNEL_BUILD={tmp_path}")
        assert ("own-arm64" in recipe) == wanted
    assert "own-arm64" not in check_recipe(f"KERNEL_BUILD={tmp_path / 'none'}")


def test_its_failure_to_boot_says_nothing_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DMABUF_REVOKE_ACCEL", raising=False)
    monkeypatch.setattr(accel, "loop_verdict", lambda: "")
    assert accel.choose(tmp_path, lambda limit: False, keep=False)[0] == "tcg"
    assert accel.choose(tmp_path, lambda limit: True)[0] == "kvm"
