# SPDX-License-Identifier: GPL-2.0-only
"""The Debian packages: what is in them, and a whole life of theirs on a guest's kernel.

They are built on the host and installed natively in the guest's tree, where dkms builds the
modules for the guest's kernel. A guest with what that has changed loads them, revokes and
purges; then its files are compared with those from before the installation.
"""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from guest import kernels, settings
from guest.machine import session, vm
from guest.tree import cache, chroot
from guest.tree.cpio import Archive
from guest.image.modules import package
from guest.settings import Limits, Machine

from ..sample import REPOSITORY

pytestmark = pytest.mark.whole

PREVIOUS = "0.0.9"
PACKAGES = ["dmabuf-revoke", "dmabuf-revoke-dkms", "libdmabuf-revoke-dev"]

#: Shell function: every file there is, but for what is mounted.
LISTING = r"""
listing() {
    find / -xdev \( -path /out -o -path /debs -o -path /ccache -o -path '/run/*' -o -path /opt/dmabuf-revoke -o -path /root \) \
        -prune -o -printf '%y %p\n' | sort
}
"""
INSTALL = (
    LISTING
    + r"""
listing >/out/before
touch /out/stamp
export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=/ccache
dpkg -i /out/previous.deb >/out/dpkg.log 2>&1 || { cat /out/dpkg.log; exit 1; }
dkms status >/out/dkms.previous
rm /debs/*-dbgsym_*.deb
dpkg -i /debs/*.deb >/out/dpkg.log 2>&1 || { cat /out/dpkg.log; exit 1; }
dkms status >/out/dkms
find / -xdev -cnewer /out/stamp ! -path '/out*' ! -path '/debs*' ! -path '/ccache*' >/out/changed
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
    r"|. /var/cache/.*|. /(debs|out|ccache)"
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


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [str(source / "scripts/deb"), str(out)]
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


def declared() -> str:
    """The version of dkms.conf, where it is kept."""
    return package((REPOSITORY / "dkms.conf").read_text())[1]


def test_one_version_everywhere(debs: dict[str, Path]) -> None:
    """The changelog of the package has it a second time, and so it is compared."""
    changelog = (REPOSITORY / "debian/changelog").read_text()
    versions = re.findall(r"^dmabuf-revoke \((\S+)\)", changelog, re.M)
    assert versions[0] == declared()
    assert f"\n## {declared()}" in (REPOSITORY / "CHANGELOG.md").read_text()
    assert {fields(debs[name])["Version"] for name in PACKAGES} == {declared()}


def test_contents(debs: dict[str, Path]) -> None:
    assert sorted(name for name in debs if not name.endswith("dbgsym")) == PACKAGES
    plain, program = "rw-r--r-- root/root", "rwxr-xr-x root/root"
    assert files(debs["dmabuf-revoke"]) == {
        "usr/bin/dmabuf-revoke": program,
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
    """A package without its man page is refused, with the tag that says so."""
    source = tmp_path / "source"
    for name in tree():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, source / name)
    for name, line in (
        ("debian/dmabuf-revoke.install", r"^usr/share/man\n"),
        ("tools/Makefile", r"^\t\$\(INSTALL\).*man8/.*\n"),
    ):
        text = (source / name).read_text()
        changed, count = re.subn(line, "", text, flags=re.M)
        assert count == 1
        (source / name).write_text(changed)
    done = build(source, tmp_path / "out")
    assert done.returncode != 0
    assert "dmabuf-revoke: no-manual-page" in done.stdout
    assert not list((tmp_path / "out").glob("*.deb"))


def test_parameters_in_the_example_are_those_of_the_module() -> None:
    text = (REPOSITORY / "debian/examples/dmabuf-revoke.conf").read_text()
    shown = set(re.findall(r"^#options dmabuf_revoke_exporter (\w+)=", text, re.M))
    sources = "".join(path.read_text() for path in REPOSITORY.glob("*porter/*.c"))
    assert shown == set(re.findall(r"^module_param\((\w+),", sources, re.M))


def previous(deb: Path, out: Path) -> None:
    """Make a package of an earlier version out of one, as previous.deb."""
    top = out / "previous"
    subprocess.run(["dpkg-deb", "--raw-extract", str(deb), str(top)], check=True)
    for path in [*top.glob("DEBIAN/*"), *top.glob("usr/src/*/dkms.conf")]:
        path.write_text(path.read_text().replace(declared(), PREVIOUS))
    source = top / f"usr/src/dmabuf-revoke-{declared()}"
    source.rename(source.with_name(f"dmabuf-revoke-{PREVIOUS}"))
    command = ["dpkg-deb", "--build", "--root-owner-group", str(top)]
    subprocess.run([*command, str(out / "previous.deb")], check=True)
    shutil.rmtree(top)


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
    previous(debs["dmabuf-revoke-dkms"], out)
    (entry / "ccache").mkdir(exist_ok=True)
    binds = {
        "out": out,
        "debs": debs["dmabuf-revoke"].parent,
        "ccache": entry / "ccache",
    }
    with cache.locked(top, kernel.name):
        chroot.run("dpkg", top / "mnt", entry, INSTALL, binds)
    (out / "tree").mkdir()
    command = ["tar", "-xf", str(out / "changed.tar"), "-C", str(out / "tree")]
    subprocess.run(command, check=True)
    return out


def test_dkms_builds_for_the_kernel_and_upgrades(installed: Path, entry: Path) -> None:
    line = "dmabuf-revoke/%s, %s, x86_64: installed\n"
    release = session.release_of(entry)
    assert (installed / "dkms.previous").read_text() == line % (PREVIOUS, release)
    assert (installed / "dkms").read_text() == line % (declared(), release)


@pytest.fixture(scope="module")
def life(kernel: kernels.Kernel, entry: Path, installed: Path) -> vm.Outcome:
    """A guest in which they are used and purged."""
    overlay = Archive()
    overlay.tree("", installed / "tree")
    overlay.file("/opt/dmabuf-revoke/revoke", REPOSITORY / "debian/tests/revoke")
    output: list[bytes] = []
    content = session.initrd(entry, LIFE, {"DBR_KERNEL": kernel.name})

    def start() -> vm.Guest:
        return vm.Guest(entry, content, "tcg", Machine())

    files = overlay.content()
    outcome = vm.see_through(start(), start, files, Limits(), output.append)
    (installed / "output").write_bytes(b"".join(output))
    return outcome


def test_they_load_revoke_and_go(life: vm.Outcome, installed: Path) -> None:
    text = (installed / "output").read_text()
    assert not life.lost, life.console
    assert life.status == 0, text
    assert "Unloaded and purged, nothing is left" in text
    assert not re.search(r"\b(BUG|WARNING)\b", life.files["dmesg.txt"].decode())


def test_no_file_is_left(life: vm.Outcome, installed: Path) -> None:
    before = set((installed / "before").read_text().splitlines())
    after = set(life.files["after"].decode().splitlines())
    left = sorted(line for line in after ^ before if not EXPECTED.fullmatch(line))
    assert not left


def test_control_what_is_compared_has_the_packages_files(
    installed: Path,
) -> None:
    before = (installed / "before").read_text()
    changed = (installed / "changed").read_text().splitlines()
    ours = [path for path in changed if "dmabuf" in path]
    assert len(ours) > 30
    assert not any(f" {path}\n" in before for path in ours)
    assert any(path.endswith("/dmabuf_revoke_exporter.ko.xz") for path in ours)
