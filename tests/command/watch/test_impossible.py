# SPDX-License-Identifier: GPL-2.0-only
"""Where nothing can be recorded it says why, and what to do about it."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..run import NOBODY, run
from .recording import BTF, TRACEFS, nothing_left, offsets, options

__all__ = ["nothing_left"]  # a fixture

KPROBES = Path("/sys/kernel/debug/kprobes/enabled")


def hiding(*directories: str | Path) -> list[str]:
    """Runs what follows where nothing is in them."""
    mounts = "".join(f"mount -t tmpfs none {each} && " for each in directories)
    return ["unshare", "--mount", "sh", "-c", f'{mounts}exec "$@"', "sh"]


def hiding_btf(*others: Path) -> list[str]:
    """And others."""
    return hiding(*([BTF.parent] if BTF.exists() else []), *others)


def refusal(*arguments: str, before: list[str] | None = None, status: int = 77) -> str:
    done = run("watch", *arguments, "--", "true", status=status, before=before)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_without_tracefs() -> None:
    line = refusal(before=hiding("/sys/kernel"))
    assert line.endswith(
        "tracefs is not mounted: mount -t tracefs none /sys/kernel/tracing"
    )


def test_not_for_others() -> None:
    assert "not permitted (EACCES): run as root" in refusal(before=NOBODY)


def test_kprobes_that_are_switched_off() -> None:
    if not KPROBES.exists():
        pytest.skip(f"no {KPROBES}: mount debugfs")
    KPROBES.write_text("0")
    try:
        assert f"kprobes are switched off: echo 1 >{KPROBES}" in refusal()
    finally:
        KPROBES.write_text("1")


def test_without_btf() -> None:
    """With our modules it can record what they say: see test_own_events.py."""
    ours = [path for path in (TRACEFS / "events").glob("dmabuf_revoke_*porter")]
    line = refusal(before=hiding_btf(*ours))
    assert "no BTF (CONFIG_DEBUG_INFO_BTF)" in line
    assert "dmabuf-revoke-offsets >FILE, and give --offsets FILE" in line


def test_offsets_without_btf() -> None:
    before = hiding_btf()
    arguments = ["watch", "--json", "--offsets", str(offsets()), "--", "true"]
    run(*arguments, before=before)


def test_offsets_that_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    text = offsets().read_text()
    release = os.uname().release
    for wrong, message in [
        (
            text.replace(release, "5.10"),
            f"offsets of 5.10, but {release} is running",
        ),
        (text.replace(f"release {release}\n", ""), "the end, and no release"),
        (text.replace("dma_buf.resv", "x.y"), "dma_buf.resv is not in it"),
        (text + "dma_buf.resv many\n", "no offset"),
        (text + "dma_buf.resv\n", "not a name and a value"),
        ("", "line 0: the end, and no release"),
    ]:
        path.write_text(wrong)
        line = refusal("--offsets", str(path), status=1)
        assert message in line and "make it anew" in line
    assert "(ENOENT)" in refusal("--offsets", str(tmp_path / "none"), status=1)


def test_offsets_of_a_later_version(tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    path.write_text(offsets().read_text() + "dma_buf.later 8\n# a remark\n")
    run("watch", "--json", "--offsets", str(path), "--", "true")


def test_usage() -> None:
    assert options() == [] or BTF.exists() is False
    for arguments, message in [
        (["--"], "no program after --"),
        (["true"], "unexpected argument 'true'; a program comes after --"),
        (["--from", "x", "--fd", "1"], "--from shows a recording, and records nothing"),
    ]:
        assert message in run("watch", *arguments, status=2).stderr
