# SPDX-License-Identifier: GPL-2.0-only
"""make judge: a module, a program and a kernel of somebody's, and the command's own verdict."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from guest import cli, kernels
from guest.errors import RunnerError
from guest.machine import session
from guest.settings import Settings, cache_directory
from guest.suite import verdicts
from guest.tree import cache, chroot

from ..sample import REPOSITORY

#: In the place of the command, of which nothing but its arguments and status counts here.
COMMAND = """#!/bin/sh
echo "judge $*"
cut -d ' ' -f 1 /proc/modules
while [ "$1" != -- ]; do
    [ "$1" != --junit ] || echo '<testsuites/>' >"$2"
    shift
done
shift
"$@"
exit 1
"""
PROGRAM = '#!/bin/sh\necho "program $*"\n'
MODULE = """
#include <linux/module.h>
MODULE_LICENSE("GPL");
"""
BUILD = """
make -C /usr/lib/modules/*/build M=/out modules
"""


def made(*words: str) -> str:
    """What make would run."""
    done = subprocess.run(
        ["make", "-n", "-C", str(REPOSITORY), "judge", *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    return done.stdout + done.stderr


def test_make_passes_everything_on() -> None:
    text = made(
        "IMPORTER=./try --fast 'a b'",
        "MODULE=drivers/x.ko y",
        "KERNEL_BUILD=/linux",
        "JUDGE=--repeat 20 --limit unmap=1s",
    )
    line = " ".join(text.replace("\\\n", " ").split())
    assert (
        "scripts/guest judge --kernel-build '/linux' --kernel own --module drivers/x.ko "
        "--module y --options='--repeat 20 --limit unmap=1s' -- ./try --fast 'a b'"
    ) in line


def test_make_of_an_exporter() -> None:
    line = " ".join(made("EXPORTER=try", "KERNELS=6.12").replace("\\\n", " ").split())
    assert "scripts/guest judge --kernel 6.12 --exporter -- try" in line


def test_make_wants_a_program() -> None:
    assert "IMPORTER=" in made() and "scripts/guest judge" not in made()


def test_program_of_this_machine_is_brought_along(tmp_path: Path) -> None:
    program = tmp_path / "try"
    program.touch()
    job = verdicts.job(verdicts.Case((str(program), "a b")))
    assert job.files == {f"{verdicts.YOURS}/try": program}
    assert job.script.endswith(" -- ./try 'a b'\n")


def test_program_of_the_guest_is_left_alone() -> None:
    job = verdicts.job(verdicts.Case(("dmabuf-revoke", "attach")))
    assert not job.files and job.script.endswith(" -- dmabuf-revoke attach\n")
    assert " test-importer " in job.script


def test_modules_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("one.ko", "deep/two.ko", "deep/two.o", "one.mod.c"):
        (tmp_path / name).touch()
    job = verdicts.job(verdicts.Case(("x",), exporter=True, modules=(tmp_path,)))
    names = [path.rpartition("/")[2] for path in job.files]
    assert sorted(names) == ["one.ko", "two.ko"]
    assert "modprobe -a two one" in job.script or "modprobe -a one two" in job.script
    assert " test-exporter " in job.script


@pytest.mark.parametrize("name", ["", "nothing-there", "x.c"])
def test_no_module_says_how_to_build_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.c").touch()
    with pytest.raises(RunnerError, match="make -C KERNEL_BUILD M="):
        verdicts.job(verdicts.Case(("x",), modules=(tmp_path / name,)))


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.ko").touch()
    with pytest.raises(RunnerError, match="one name"):
        verdicts.job(verdicts.Case(("x",), modules=(tmp_path,)))


@pytest.fixture
def module(entry: Path, tmp_path: Path) -> Path:
    """A directory with a module in it that was built for the image's kernel."""
    top = tmp_path / "module"
    top.mkdir()
    (top / "yours.c").write_text(MODULE)
    (top / "Kbuild").write_text("obj-m := yours.o\n")
    chroot.run("building", cache_directory() / "mnt", entry, BUILD, {"out": top})
    return top


def test_in_a_guest(
    kernel: kernels.Kernel, source: Path, module: Path, tmp_path: Path
) -> None:
    program = tmp_path / "try"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (source / "tools").mkdir()
    (source / "tools/stand-in").write_text(COMMAND)
    with (source / "Makefile").open("a") as makefile:
        makefile.write(
            "programs: $(BUILD)/tools/dmabuf-revoke\n"
            "$(BUILD)/tools/dmabuf-revoke: tools/stand-in\n"
            "\tmkdir -p $(@D)\n\tcp $< $@\n\tchmod 755 $@\n"
        )
    case = verdicts.Case(
        (str(program), "a b"), modules=(module,), options=("--repeat", "2")
    )
    output: list[bytes] = []
    outcome = session.run(
        kernel, Settings(source=source), verdicts.job(case), output.append
    )
    text = b"".join(output).decode()
    assert not outcome.lost and outcome.status == 1, text
    lines = text.splitlines()
    assert lines[0].startswith("judge test-importer --junit /")
    assert lines[0].endswith(" --repeat 2 -- ./try a b")
    assert "yours" in lines and "program a b" in lines
    assert outcome.files["junit.xml"] == b"<testsuites/>\n"


def test_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found: list[session.Job] = []

    def run(
        kernel: kernels.Kernel, settings: Settings, job: session.Job, results: Path
    ) -> int:
        found.append(job)
        assert kernel.name == "6.12" and results == tmp_path
        return 77

    monkeypatch.setattr(cli, "run", run)
    words = ["judge", "--kernel", "6.12", "--exporter", "--results", str(tmp_path)]
    assert cli.main([*words, "--options", "--repeat 3", "--", "x", "--y"]) == 77
    assert found[0].script.endswith(" --repeat 3 -- x --y\n")
    assert cli.main([*words, "--"]) == 1
