# SPDX-License-Identifier: GPL-2.0-only
"""Where nothing can be recorded it says why, and what to do about it."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..run import FLAVOUR, NOBODY, run
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


def mounted(script: str) -> list[str]:
    """Runs what follows with mounts of its own."""
    return ["unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh"]


def locked_down(mode: str) -> list[str]:
    """As if the kernel were: it says so in a file."""
    place = "/sys/kernel/security"
    if not Path(place).exists():
        pytest.skip(f"no {place}: CONFIG_SECURITYFS")
    script = f"mount -t tmpfs none {place}; chmod 755 {place}"
    return mounted(
        f"{script}; echo 'none integrity confidentiality' | "
        f"sed 's/{mode}/[{mode}]/' >{place}/lockdown"
    )


def test_lockdown() -> None:
    """What is refused then is refused to root; here it is to somebody else."""
    line = refusal(before=[*locked_down("confidentiality"), *NOBODY])
    assert line.endswith(
        "lockdown in mode confidentiality forbids tracing: "
        "boot with lockdown=integrity, or without"
    )
    # That mode allows it.
    assert "run as root" in refusal(before=[*locked_down("integrity"), *NOBODY])
    run("watch", "--json", *options(), "--", "true", before=locked_down("integrity"))


def test_without_kprobe_events() -> None:
    """An instance of tracefs, which has none, in place of the whole; without our modules."""
    instance = TRACEFS / "instances/without_kprobe_events"
    ours = (TRACEFS / "events").glob("dmabuf_revoke_*porter")
    hidden = "".join(f"; mount -t tmpfs none {path}" for path in ours)
    instance.mkdir()
    try:
        line = refusal(before=mounted(f"mount --bind {instance} {TRACEFS}{hidden}"))
    finally:
        instance.rmdir()
    assert "this kernel has no CONFIG_KPROBE_EVENTS: boot one that has it" in line
    assert line.endswith(f"linux-image{FLAVOUR}")


def test_root_is_not_told_to_be_root() -> None:
    """But may be refused all the same."""
    bind = f"mount --bind {TRACEFS} {TRACEFS}"
    line = refusal(before=mounted(f"{bind}; mount -o remount,bind,ro {TRACEFS}"))
    assert "trace_clock: " in line and "(EROFS)" in line
    # No right to pass over what the file's mode says, which lets its owner in.
    few = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    os.chown(TRACEFS / "kprobe_events", 1, 1)
    try:
        line = refusal(before=few)
    finally:
        os.chown(TRACEFS / "kprobe_events", 0, 0)
    assert "(EACCES)" in line and "run as root" not in line


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
