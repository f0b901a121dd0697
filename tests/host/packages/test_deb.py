# SPDX-License-Identifier: GPL-2.0-only
"""The Debian packages: what is in them, and a whole life of theirs on a guest's kernel.

They are built on the host, a second time under other circumstances, which gives the same bytes.
Those of the release before, and then these, are installed natively in the guest's tree, where
dkms builds the modules for the guest's kernel. A guest with what that has changed loads them,
revokes and purges; then its files are compared with those from before the installation.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator

import pytest

from guest import kernels, settings
from guest.machine import session
from guest.tree import cache, chroot
from guest.tree.cpio import Archive

from ..sample import REPOSITORY
from . import previous
from .archives import differences, tars
from .boot import Run, boot
from .previous import declared

pytestmark = pytest.mark.whole

PACKAGES = ["dmabuf-revoke", "dmabuf-revoke-dkms", "libdmabuf-revoke-dev"]

#: Shell function: every file there is, but for what is mounted.
LISTING = r"""
listing() {
    find / -xdev \( -path /out -o -path /ccache -o -path '/run/*' -o -path /opt/dmabuf-revoke -o -path /root \) \
        -prune -o -printf '%y %p\n' | sort
}
"""
INSTALL = (
    LISTING
    + r"""
state() {
    dkms status >/out/$1.dkms
    dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}${Conffiles}\n' '*dmabuf-revoke*' >/out/$1.packages
    find /lib/modules/ -name 'dmabuf*' -exec sha256sum {} + >/out/$1.modules
    listing >/out/$1.files
}
listing >/out/before.files
touch /out/stamp
export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=/ccache CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime
dpkg -i /out/older/*.deb >/out/dpkg.log 2>&1 || { cat /out/dpkg.log; exit 1; }
state older
dpkg -i /out/debs/*.deb >/out/dpkg.log 2>&1 || { cat /out/dpkg.log; exit 1; }
state upgraded
dpkg -L @PACKAGES@ >/out/owned
find / -xdev -cnewer /out/stamp ! -path '/out*' ! -path '/ccache*' >/out/changed
tar --no-recursion -T /out/changed -cf /out/changed.tar 2>/dev/null
"""
)
LIFE = (
    LISTING
    + r"""
export AUTOPKGTEST_TMP=$(mktemp -d)
mkdir /run/udev
/usr/lib/systemd/systemd-udevd --daemon
sh -x /opt/dmabuf-revoke/revoke || exit
listing >$DBR_RESULTS/after
"""
)
#: What any installation changes or makes.
EXPECTED = re.compile(
    r"f /var/lib/dpkg/(status-old|available|available-old|lock.*|triggers/.*)"
    r"|f /var/log/(dpkg|alternatives)\.log"
    r"|. /var/cache/.*|. /(out|ccache)"
    r"|f /etc/ld\.so\.cache"
)


def git(*arguments: str) -> str:
    return subprocess.check_output(
        ["git", "-C", str(REPOSITORY), *arguments], text=True
    )


def state_of_git() -> str:
    """Commits, index, and what is in the places where such builds leave things."""
    places = git("status", "--porcelain", "--ignored", "-uall", "debian", "tools")
    return git("rev-parse", "HEAD") + git("ls-files", "-s") + places


def tree() -> list[str]:
    """The files that git has or would take."""
    return git("ls-files", "-co", "--exclude-standard").splitlines()


def copy_tree(source: Path) -> None:
    for name in tree():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, source / name)


def build(source: Path, out: Path, *under: str) -> subprocess.CompletedProcess[str]:
    command = [*under, str(source / "scripts/deb"), str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The packages, by name."""
    out = tmp_path_factory.mktemp("debs")
    before = state_of_git()
    done = build(REPOSITORY, out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert state_of_git() == before
    return {path.name.partition("_")[0]: path for path in sorted(out.glob("*.deb"))}


def fields(deb: Path) -> dict[str, str]:
    text = subprocess.check_output(["dpkg-deb", "--field", str(deb)], text=True)
    return dict(re.findall(r"^([\w-]+): (.*)$", text, re.M))


def files(deb: Path) -> dict[str, str]:
    """Path to mode and owner of each file, but for its documentation."""
    text = subprocess.check_output(["dpkg-deb", "--contents", str(deb)], text=True)
    found = re.findall(r"^-(\S+) (\S+) .* \./(\S+)$", text, re.M)
    return {
        path: f"{mode} {owner}"
        for mode, owner, path in found
        if not path.startswith("usr/share/doc/")
    }


def changelog_time() -> int:
    command = ["dpkg-parsechangelog", "--show-field", "Timestamp"]
    return int(subprocess.check_output(command, cwd=REPOSITORY, text=True))


def test_one_version_everywhere(debs: dict[str, Path]) -> None:
    """The changelog of the package has it a second time, and so it is compared; its date, too."""
    changelog = (REPOSITORY / "debian/changelog").read_text()
    versions = re.findall(r"^dmabuf-revoke \((\S+)\)", changelog, re.M)
    assert versions[0] == declared()
    date = datetime.fromtimestamp(changelog_time(), timezone.utc)
    title = f"\n## {declared()} — {date:%Y-%m-%d}\n"
    assert title in (REPOSITORY / "CHANGELOG.md").read_text()
    page = (REPOSITORY / "tools/dmabuf-revoke.8").read_text()
    assert f"\n.Dd {date:%B} {date.day}, {date.year}\n" in page
    assert {fields(debs[name])["Version"] for name in PACKAGES} == {declared()}


def test_contents(debs: dict[str, Path]) -> None:
    assert sorted(name for name in debs if not name.endswith("dbgsym")) == PACKAGES
    plain, program = "rw-r--r-- root/root", "rwxr-xr-x root/root"
    assert files(debs["dmabuf-revoke"]) == {
        "usr/bin/dmabuf-revoke": program,
        "usr/bin/dmabuf-revoke-offsets": program,
        "usr/lib/udev/rules.d/60-dmabuf-revoke.rules": plain,
        "usr/share/bash-completion/completions/dmabuf-revoke": plain,
        "usr/share/man/man8/dmabuf-revoke.8.gz": plain,
    }
    assert files(debs["libdmabuf-revoke-dev"]) == {
        "usr/include/dmabuf_revoke.h": plain,
        "usr/share/pkgconfig/dmabuf-revoke.pc": plain,
    }
    top = f"usr/src/dmabuf-revoke-{declared()}"
    parts = ("dkms.conf", "Kbuild", "exporter/", "importer/", "include/")
    assert files(debs["dmabuf-revoke-dkms"]) == {
        f"{top}/{name}": plain for name in tree() if name.startswith(parts)
    }
    for name in ("dmabuf-revoke-dkms", "libdmabuf-revoke-dev"):
        assert fields(debs[name])["Architecture"] == "all"
    assert fields(debs["dmabuf-revoke-dkms"])["Depends"].startswith("dkms ")


def test_control_lintian_finds_something(tmp_path: Path) -> None:
    """A package without its man page is refused, with the tag that says so.

    Its program does nothing: that is soon compiled.
    """
    source = tmp_path / "source"
    copy_tree(source)
    for name, line, times in (
        ("debian/dmabuf-revoke.install", r"^usr/share/man\n", 1),
        ("tools/Makefile", r"^\t(\$\(INSTALL\)|ln) .*man8/.*\n", 2),
    ):
        text = (source / name).read_text()
        changed, count = re.subn(line, "", text, flags=re.M)
        assert count == times
        (source / name).write_text(changed)
    for path in source.glob("tools/*.c"):
        path.unlink()
    (source / "tools/main.c").write_text("int main(void) { return 0; }\n")
    done = build(source, tmp_path / "out")
    assert done.returncode != 0
    assert "dmabuf-revoke: no-manual-page" in done.stdout
    assert not list((tmp_path / "out").glob("*.deb"))


#: Another user of another host, with habits of his own. Of the build's own clock the wrapper
#: below tells.
UNLIKE = """
hostname unlike
umask 077
exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH="$1/bin:$PATH" TMPDIR="$1/tmp" \
    HOME=/nonexistent LC_ALL=C LANGUAGE=tr TZ=Pacific/Kiritimati BUILD=/nonexistent \
    MAKEFLAGS=BUILD=/nonexistent CFLAGS=-O0 DEB_BUILD_OPTIONS=noopt SOURCE_DATE_EPOCH=1 "$2" "$3"
"""
#: In a year, while the clock of the file system stays where it is: make compares times in that.
NEXT_YEAR = """#!/bin/sh
exec env NO_FAKE_STAT=1 faketime -f +400d /usr/bin/dpkg-buildpackage "$@"
"""


@pytest.fixture(scope="module")
def unlike() -> Iterator[Path]:
    """The packages from a tree without git, checked out long ago in another place."""
    if os.geteuid() != 0:
        pytest.skip("to be another user takes root")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        top = Path(directory)
        copy_tree(top / "a/tree/from/elsewhere")
        for name in ("bin", "tmp", "out"):
            (top / name).mkdir()
        # lintian has seen these packages.
        for name, text in (
            ("dpkg-buildpackage", NEXT_YEAR),
            ("lintian", "#!/bin/sh\n"),
        ):
            (top / "bin" / name).write_text(text)
            (top / "bin" / name).chmod(0o755)
        for path in (top, *top.rglob("*")):
            os.chown(path, 65534, 65534)
            os.utime(path, (981173106, 981173106))
        source = top / "a/tree/from/elsewhere"
        under = ["unshare", "--uts", "sh", "-ec", UNLIKE, "sh", str(top)]
        done = build(source, top / "out", *under)
        assert done.returncode == 0, done.stdout + done.stderr
        yield top / "out"


def test_other_circumstances_give_the_same_bytes(
    debs: dict[str, Path], unlike: Path
) -> None:
    assert {path.name for path in unlike.iterdir()} == {
        path.name for path in debs.values()
    }
    found = [differences(deb, unlike / deb.name) for deb in debs.values()]
    assert not sum(found, [])


def test_all_members_are_of_the_changelogs_time(debs: dict[str, Path]) -> None:
    """So that no clock is in them, even one that is behind."""
    for deb in debs.values():
        for members in tars(deb).values():
            assert {member["time"] for member in members.values()} == {changelog_time()}


def test_control_differences_are_named(debs: dict[str, Path], tmp_path: Path) -> None:
    """Each kind, in a package that is a little different."""
    deb = debs["libdmabuf-revoke-dev"]
    top = tmp_path / "top"
    command = ["dpkg-deb", "--raw-extract", str(deb), str(top)]
    subprocess.run(command, check=True)
    header = top / "usr/include/dmabuf_revoke.h"
    header.write_bytes(header.read_bytes().replace(b"GPL-2.0", b"GPL-2.1", 1))
    header.chmod(0o600)
    os.utime(header, (0, 0))
    (top / "usr/share/pkgconfig/dmabuf-revoke.pc").rename(top / "usr/share/more.pc")
    made = tmp_path / deb.name
    subprocess.run(["dpkg-deb", "-Znone", "--build", str(top), str(made)], check=True)
    named = [line.partition(" fsys: ")[2] for line in differences(deb, made)]
    for start in (
        "./usr/include/dmabuf_revoke.h: content at 34 of ",
        "./usr/include/dmabuf_revoke.h: mode 0o644 and 0o600",
        "./usr/include/dmabuf_revoke.h: time ",
        "./usr/share/more.pc: only in the second",
        "./usr/share/pkgconfig/dmabuf-revoke.pc: only in the first",
    ):
        assert any(line.startswith(start) for line in named), (start, named)
    assert differences(deb, deb) == []


def test_parameters_in_the_example_are_those_of_the_module() -> None:
    text = (REPOSITORY / "debian/examples/dmabuf-revoke.conf").read_text()
    shown = set(re.findall(r"^#options dmabuf_revoke_exporter (\w+)=", text, re.M))
    sources = "".join(path.read_text() for path in REPOSITORY.glob("*porter/*.c"))
    assert shown == set(re.findall(r"^module_param\((\w+),", sources, re.M))


def older(debs: dict[str, Path], out: Path) -> None:
    """Make packages of the release before out of these."""
    out.mkdir()
    for path in previous.given("deb/*.deb"):
        if path.name.partition("_")[0] in PACKAGES:
            shutil.copy(path, out)
    for name in PACKAGES if not any(out.iterdir()) else []:
        top = out / name
        command = ["dpkg-deb", "--raw-extract", str(debs[name]), str(top)]
        subprocess.run(command, check=True)
        previous.make_of(top, declared())
        command = ["dpkg-deb", "-Znone", "--build", "--root-owner-group", str(top)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def installed(
    kernel: kernels.Kernel,
    entry: Path,
    debs: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What an installation in the guest's tree has left: files, and its logs."""
    out = tmp_path_factory.mktemp("installed")
    top = settings.cache_directory()
    older(debs, out / "older")
    (out / "debs").mkdir()
    for name in PACKAGES:
        shutil.copy(debs[name], out / "debs")
    (entry / "ccache").mkdir(exist_ok=True)
    binds = {"out": out, "ccache": entry / "ccache"}
    script = INSTALL.replace("@PACKAGES@", " ".join(PACKAGES))
    with cache.locked(top, kernel.name):
        chroot.run("dpkg", top / "mnt", entry, script, binds)
    (out / "tree").mkdir()
    command = ["tar", "-xf", str(out / "changed.tar"), "-C", str(out / "tree")]
    subprocess.run(command, check=True)
    return out


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_upgrade_leaves_one_version(installed: Path, entry: Path) -> None:
    """Of the packages, in dkms and in the kernel's tree. There are no conffiles."""
    release = session.release_of(entry)
    for name, version in (("older", previous.VERSION), ("upgraded", declared())):
        assert lines(installed / f"{name}.packages") == [
            f"{package} {version} ii " for package in PACKAGES
        ]
        assert lines(installed / f"{name}.dkms") == [
            f"dmabuf-revoke/{version}, {release}, x86_64: installed"
        ]
    then, now = (
        dict(line.split()[::-1] for line in lines(installed / f"{name}.modules"))
        for name in ("older", "upgraded")
    )
    assert len(now) == 2 and then.keys() == now.keys()
    assert not set(then.values()) & set(now.values())


def test_upgrade_leaves_no_file_of_the_release_before(installed: Path) -> None:
    """Each file is a package's, or is what dkms or dpkg makes of this version."""
    before, then, now = (
        set(lines(installed / f"{name}.files"))
        for name in ("before", "older", "upgraded")
    )
    owned = set(lines(installed / "owned"))
    dkms = f"/var/lib/dkms(/dmabuf-revoke(/{re.escape(declared())}(/.*)?|/kernel-.*)?)?"
    made = re.compile(
        rf". {dkms}|. /usr/lib/modules/[^/]*/updates(/dkms(/dmabuf_revoke_.*)?)?"
        rf"|f /var/lib/dpkg/info/({'|'.join(PACKAGES)})\.\w+"
    )
    left = sorted(
        line
        for line in now - before
        if not made.fullmatch(line)
        and not EXPECTED.fullmatch(line)
        and line[2:] not in owned
    )
    assert not left
    assert any(previous.VERSION in line for line in then)
    assert not any(f"dmabuf-revoke-{previous.VERSION}" in line for line in now)
    assert not any(f"dmabuf-revoke/{previous.VERSION}" in line for line in now)


@pytest.fixture(scope="module")
def life(kernel: kernels.Kernel, entry: Path, installed: Path) -> Run:
    """A guest in which they are used and purged."""
    overlay = Archive()
    overlay.tree("", installed / "tree")
    overlay.file("/opt/dmabuf-revoke/revoke", REPOSITORY / "debian/tests/revoke")
    return boot(kernel, entry, overlay, LIFE)


def test_they_load_revoke_and_go(life: Run) -> None:
    """Of both releases the modules that are loaded are this one's: doctor asks for its ABI."""
    life.succeeded()
    assert "Unloaded and purged, nothing is left" in life.output


def test_no_file_is_left(life: Run, installed: Path) -> None:
    before = set(lines(installed / "before.files"))
    after = set(life.outcome.files["after"].decode().splitlines())
    left = sorted(line for line in after ^ before if not EXPECTED.fullmatch(line))
    assert not left


def test_control_what_is_compared_has_the_packages_files(
    installed: Path,
) -> None:
    before = (installed / "before.files").read_text()
    changed = (installed / "changed").read_text().splitlines()
    ours = [path for path in changed if "dmabuf" in path]
    assert len(ours) > 30
    assert not any(f" {path}\n" in before for path in ours)
    assert any(path.endswith("/dmabuf_revoke_exporter.ko.xz") for path in ours)
