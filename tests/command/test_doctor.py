# SPDX-License-Identifier: GPL-2.0-only
"""dmabuf-revoke doctor: each situation that it tells of, brought about.

What concerns the whole machine is hidden or changed in a mount namespace of the command.
Signatures are in host/packages/test_doctor_signatures.py: such a kernel loads nothing any more.
"""
from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.lib.modules import EXPORTER, IMPORTER, load_what_is_missing, unload

from .run import FLAVOUR, NOBODY, Process, facts, held, hiding, no_process_left, run

__all__ = ["no_process_left"]  # a fixture

RELEASE = os.uname().release
MODULES = Path("/lib/modules", RELEASE)
LIMIT = Path("/sys/module", EXPORTER, "parameters/limit_mb")

Finding = dict[str, Any]


@pytest.fixture
def unloaded() -> Iterator[None]:
    for name in (IMPORTER, EXPORTER):
        unload(name)
    yield
    load_what_is_missing()


def after(*commands: str) -> list[str]:
    """Runs what follows in a mount namespace where these shell commands were run."""
    script = " && ".join([*commands, 'exec "$@"'])
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


def hide(directory: Path) -> str:
    """A shell command that leaves nothing in a directory."""
    return f"mount -t tmpfs none {shlex.quote(os.path.realpath(directory))}"


def put(file: Path, place: Path) -> str:
    """A shell command that puts a file where another one is."""
    return f"mount --bind {file} {shlex.quote(os.path.realpath(place))}"


def findings(status: int, before: list[str] | None = None) -> dict[str, Finding]:
    """What has failed, by subject: at most one for each, since the rest would follow."""
    document = facts("doctor", status=status, before=before)
    failed = [row for row in document["checks"] if row["result"] == "FAILED"]
    assert document["verdict"]["failed"] == len(failed)
    assert document["verdict"]["ok"] is not bool(failed)
    assert document["verdict"]["checks"] == len(document["checks"])
    assert all(row["remedy"] for row in failed)
    by_subject = {row["subject"]: row for row in failed}
    assert len(by_subject) == len(failed)
    return by_subject


def the_one(status: int, before: list[str] | None = None) -> Finding:
    (found,) = findings(status, before).values()
    return found


def both(before: list[str] | None = None) -> Finding:
    """The finding that is the same for both modules; nothing is possible then."""
    found = findings(77, before)
    exporter, importer = found["exporter"], found["importer"]
    assert exporter["expected"] == importer["expected"]
    return exporter


# All well


def test_all_well() -> None:
    document = facts("doctor")
    assert {row["result"] for row in document["checks"]} == {"ok"}
    assert {row["subject"] for row in document["checks"]} == {"exporter", "importer"}
    assert document["verdict"] == {
        "kernel": RELEASE,
        "checks": len(document["checks"]),
        "failed": 0,
        "ok": True,
    }
    done = run("doctor")
    assert not done.stderr and "FAILED" not in done.stdout


def test_people_are_told_the_same_with_the_remedy() -> None:
    done = run("doctor", status=77, before=hiding("exporter"))
    row = the_one(77, hiding("exporter"))
    (message,) = done.stderr.splitlines()
    assert message == (f"dmabuf-revoke: importer: {row['observed']}: {row['remedy']}")
    assert row["observed"] in done.stdout and "FAILED importer has its node" in (
        done.stdout
    )


# Nodes


def test_node_is_missing() -> None:
    found = findings(77, hiding())
    for name in ("exporter", "importer"):
        assert found[name]["observed"] == f"no /dev/dmabuf-revoke/{name} (ENOENT)"
        assert f"modprobe dmabuf_revoke_{name}" in found[name]["remedy"]


NODES = [
    ("touch $d/exporter", "/dev/dmabuf-revoke/exporter is not a device"),
    ("mknod $d/exporter c 10 254", "/dev/dmabuf-revoke/exporter: ENODEV"),
    ("mknod $d/exporter c 1 3", "does not answer as it should (ENOTTY)"),
]


@pytest.mark.parametrize("command, observed", NODES, ids=["file", "none", "other"])
def test_node_is_something_else(command: str, observed: str) -> None:
    before = after(
        "d=/dev/dmabuf-revoke",
        "i=$(stat -c '%Hr %Lr' $d/importer)",
        "mount -t tmpfs none $d",
        "mknod $d/importer c $i",
        command,
    )
    row = the_one(77, before)
    assert row["subject"] == "exporter"
    assert observed in row["observed"]


def test_node_is_not_permitted() -> None:
    found = findings(1, NOBODY)
    for name in ("exporter", "importer"):
        assert found[name]["expected"] == "may be opened"
        assert found[name]["observed"] == (
            "uid 65534 may not: mode 0600, uid 0, group root"
        )
        assert found[name]["remedy"] == "run as root"


def test_node_belongs_to_a_group() -> None:
    """Of the exporter that is meant so; the importer's is for root whatever its mode."""
    given = after(
        "d=/dev/dmabuf-revoke",
        "e=$(stat -c '%Hr %Lr' $d/exporter)",
        "i=$(stat -c '%Hr %Lr' $d/importer)",
        "mount -t tmpfs none $d",
        "mknod -m 660 $d/exporter c $e && mknod -m 660 $d/importer c $i",
        "chgrp daemon $d/exporter $d/importer",
    )
    found = findings(1, given + NOBODY)
    assert found["exporter"]["remedy"] == (
        "run as root, or join its group: adduser USER daemon"
    )
    assert found["importer"]["remedy"] == "run as root"
    member = ["setpriv", "--reuid=65534", "--regid=1", "--clear-groups"]
    assert findings(0, given + member) == {}


def test_root_of_a_user_namespace_is_not_told_to_become_root() -> None:
    found = findings(1, [*NOBODY, "unshare", "--user", "--map-root-user"])
    for name in ("exporter", "importer"):
        assert found[name]["observed"].startswith("uid 0 may not: mode 0600")
        assert "user namespace is not enough" in found[name]["remedy"]


NO_MEMORY = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int open64(const char *path, int flags, ...)
{
	if (strncmp(path, "/dev/dmabuf-revoke/", 19))
		return syscall(SYS_openat, AT_FDCWD, path, flags, 0);
	errno = ENOMEM;
	return -1;
}
"""


def shim(tmp_path: Path, source: str) -> list[str]:
    """Runs what follows with these functions in the place of the library's."""
    library = tmp_path / "shim.so"
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-o", str(library), "-"]
    subprocess.run(command, input=source, text=True, check=True)
    return ["env", f"LD_PRELOAD={library}"]


def test_out_of_memory_is_not_the_fault_of_the_node(tmp_path: Path) -> None:
    found = findings(1, shim(tmp_path, NO_MEMORY))
    for name in ("exporter", "importer"):
        assert found[name]["observed"].endswith(": not enough memory (ENOMEM)")
        assert "remove it" not in found[name]["remedy"]


OTHER_ABI = """
#define _GNU_SOURCE
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	va_start(args, request);
	unsigned int *info = va_arg(args, unsigned int *);
	va_end(args);
	int ret = syscall(SYS_ioctl, fd, request, info);
	if (request == 0xDB00 || request == 0xDB40)	/* INFO of either device */
		info[2] = 99;	/* abi_version */
	return ret;
}
"""


def test_modules_of_another_version(tmp_path: Path) -> None:
    row = both(shim(tmp_path, OTHER_ABI))
    assert row["observed"] == "version 99, not 2"
    assert "of the same version" in row["remedy"]


# Limits


@pytest.fixture
def limit() -> Iterator[Path]:
    before = LIMIT.read_text(encoding="ascii")
    yield LIMIT
    LIMIT.write_text(before, encoding="ascii")


def test_limit_is_reached(limit: Path) -> None:
    with held("2M"):
        limit.write_text("2\n", encoding="ascii")
        row = the_one(1)
        assert row["observed"] == "limit reached: 2 MiB of 2 MiB in use"
        assert str(limit) in row["remedy"]
        limit.write_text("1\n", encoding="ascii")
        assert the_one(1)["observed"] == "limit reached: 2 MiB of 1 MiB in use"
        limit.write_text("3\n", encoding="ascii")
        assert findings(0) == {}


# Not loaded, not built


def test_not_loaded(unloaded: None) -> None:
    found = findings(77)
    for name in ("exporter", "importer"):
        assert found[name]["observed"] == "not loaded"
        assert found[name]["remedy"] == f"modprobe dmabuf_revoke_{name}"


def test_one_is_not_loaded() -> None:
    unload(IMPORTER)
    try:
        assert the_one(77)["subject"] == "importer"
    finally:
        load_what_is_missing()


#: Where the modules are.
BUILT = hide(MODULES / "updates")


def test_not_built_and_no_dkms(unloaded: None) -> None:
    row = both(after(BUILT, "mount --bind /dev/null /usr/sbin/dkms"))
    assert row["observed"] == f"no module for {RELEASE}, and no dkms to build it"
    assert row["remedy"].startswith(f"apt-get install dkms linux-headers-{RELEASE}; ")


@pytest.fixture
def dkms_tree(tmp_path: Path) -> Path:
    """A tree in which dkms knows a version of ours that it has not built."""
    for name in ("dkms", "src/dmabuf-revoke-9.9"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "src/dmabuf-revoke-9.9/dkms.conf").write_text(
        'PACKAGE_NAME="dmabuf-revoke"\nPACKAGE_VERSION="9.9"\n'
        'BUILT_MODULE_NAME[0]="none"\nDEST_MODULE_LOCATION[0]="/updates"\n'
    )
    return tmp_path


@pytest.fixture
def headers() -> Iterator[None]:
    """The kernel's headers, or what looks like them: one's own kernel comes without."""
    makefile = MODULES / "build/Makefile"
    if makefile.exists():
        yield
        return
    makefile.parent.mkdir()
    makefile.touch()
    yield
    shutil.rmtree(makefile.parent)


def knows(tree: Path) -> list[str]:
    """Shell commands that make that tree dkms's."""
    return [
        f"mount --bind {tree}/dkms /var/lib/dkms",
        f"dkms add --sourcetree {tree}/src -m dmabuf-revoke -v 9.9 >/dev/null 2>&1",
    ]


def test_not_built_and_unknown_to_dkms(unloaded: None) -> None:
    row = both(after(BUILT, hide(Path("/var/lib/dkms"))))
    assert row["observed"] == (
        f"no module for {RELEASE}; dkms does not know dmabuf-revoke"
    )
    assert "make dkms-install" in row["remedy"]


def test_not_built_but_added_to_dkms(
    unloaded: None, headers: None, dkms_tree: Path
) -> None:
    row = both(after(BUILT, *knows(dkms_tree)))
    assert row["observed"] == (
        f"no module for {RELEASE}; dkms has: dmabuf-revoke/9.9: added"
    )
    assert row["remedy"] == (
        f"dkms install dmabuf-revoke/9.9 -k {RELEASE}, which says what is wrong"
    )


def test_not_built_for_want_of_headers(
    unloaded: None, headers: None, dkms_tree: Path
) -> None:
    row = both(after(BUILT, *knows(dkms_tree), hide(MODULES / "build")))
    assert ", nor the kernel's headers; dkms has: " in row["observed"]
    assert row["remedy"] == (
        f"apt-get install linux-headers-{RELEASE}; then dkms autoinstall"
    )


# The kernel's options


def configuration() -> Path:
    """The file that doctor looks at."""
    places = (
        Path("/boot", f"config-{RELEASE}"),
        MODULES / "config",
        MODULES / "build/.config",
    )
    if Path("/proc/config.gz").exists():
        pytest.skip("no kernel without /proc/config.gz, such as Debian's: KERNELS=7.3")
    return next(place for place in places if place.exists())


@pytest.mark.parametrize("option", ["CONFIG_DMA_SHARED_BUFFER", "CONFIG_SYNC_FILE"])
def test_kernel_without(option: str, unloaded: None, tmp_path: Path) -> None:
    place = configuration()
    without = tmp_path / "config"
    text = place.read_text(encoding="ascii")
    assert f"\n{option}=y\n" in text
    without.write_text(text.replace(f"\n{option}=y\n", f"\n# {option} is not set\n"))
    row = both(after(put(without, place)))
    assert row["observed"] == f"no {option} in {place}"
    assert "boot a kernel that has it" in row["remedy"]
    assert row["remedy"].endswith(f"linux-image{FLAVOUR}")


def test_kernel_of_unknown_configuration(unloaded: None) -> None:
    """That is no failure by itself."""
    configuration()
    before = after(hide(Path("/boot")), hide(MODULES))
    document = facts("doctor", status=77, before=before)
    unknown = [row for row in document["checks"] if row["result"] == "unknown"]
    assert [row["subject"] for row in unknown] == ["exporter", "importer"]
    assert unknown[0]["observed"] == f"no configuration of {RELEASE} found"
    failed = [row["expected"] for row in document["checks"] if row["remedy"]]
    assert failed == ["is built for this kernel"] * 2


def test_remedy_works() -> None:
    """What it says of a module that is not loaded makes it say nothing."""
    unload(IMPORTER)
    try:
        subprocess.run(shlex.split(the_one(77)["remedy"]), check=True)
        assert findings(0) == {}
    finally:
        load_what_is_missing()


def test_buffers_are_left_alone() -> None:
    process = Process("alloc", "4k", "--json")
    process.read_until("}")
    before = facts("list")
    facts("doctor")
    assert facts("list") == before
    process.end(signal.SIGTERM)
