# SPDX-License-Identifier: GPL-2.0-only
"""The release tarball, and what DKMS makes of it: install, upgrade, new kernels, removal.

All of it in the guest's tree, natively; a guest loads what the upgrade has left. Further kernels are copies of the guest's headers
under another release and with another configuration; the hook that runs is the one that
Debian's packages of headers run.
"""
from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from guest import cache, chroot, kernels, session, settings
from guest.cpio import Archive
from guest.modules import package

from . import previous
from .archives import differences
from .boot import boot
from .sample import REPOSITORY

#: copy RELEASE [SED]: headers of a kernel that differs in its release, and by SED in its
#: configuration. hook RELEASE: what the installation of its headers runs.
FUNCTIONS = r"""
export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=/ccache CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime
release=@RELEASE@
listing() {
    find / -xdev \( -path /out -o -path /ccache -o -path /src -o -path /root \) -prune -o \
        -printf '%y %p\n' | sort
}
copy() {
    headers=$(readlink -f /lib/modules/$release/build)
    cp -a "$headers" "/usr/src/linux-headers-$1"
    mkdir "/lib/modules/$1"
    ln -s "/usr/src/linux-headers-$1" "/lib/modules/$1/build"
    cp /lib/modules/$release/modules.builtin /lib/modules/$release/modules.order "/lib/modules/$1/"
    cd "/usr/src/linux-headers-$1"
    echo "$1" >include/config/kernel.release
    echo "#define UTS_RELEASE \"$1\"" >include/generated/utsrelease.h
    sed -i "s|^KBUILD_OUTPUT=.*|KBUILD_OUTPUT=$PWD|" Makefile
    sed -i "s|$release|$1|" .kernelvariables
    sed -i "${2-}" .config include/config/auto.conf
    cd /
    depmod "$1" 2>/dev/null
}
hook() {
    status=0
    run-parts --exit-on-error --arg="$1" /etc/kernel/header_postinst.d || status=$?
    echo "status $status"
}
"""
LIFE = (
    FUNCTIONS
    + r"""
mkdir /tmp/scratch
cd /tmp/scratch
tar -xf /out/*.tar.xz
cp -r /out/older/dmabuf-revoke-@PREVIOUS@ .
state() {
    dkms status >/out/$1.status
    find /usr/src /var/lib/dkms /lib/modules/ | grep dmabuf >/out/$1.files
    find /lib/modules/ -name 'dmabuf*' -exec sha256sum {} + >/out/$1.modules
}
listing >/out/before
make -C dmabuf-revoke-@PREVIOUS@ dkms-install KVER=$release >/out/previous.log 2>&1 || { cat /out/previous.log; exit 1; }
state previous
make -C dmabuf-revoke-@VERSION@ dkms-install KVER=$release >/out/upgrade.log 2>&1 || { cat /out/upgrade.log; exit 1; }
state upgrade
tar -C / -cf /out/modules.tar usr/lib/modules/$release/updates $(cd /; echo usr/lib/modules/$release/modules.*)
copy 7.3.99-second
hook 7.3.99-second >/out/second.log 2>&1
dkms status >/out/second.status
modinfo -k 7.3.99-second -F vermagic dmabuf_revoke_exporter >/out/second.vermagic
find /lib/modules/7.3.99-second /lib/modules/$release/updates -name 'dmabuf*' >/out/built
make -C /tmp/scratch/dmabuf-revoke-@VERSION@ dkms-remove >/out/remove.log 2>&1 || { cat /out/remove.log; exit 1; }
rm -rf /lib/modules/7.3.99-second /usr/src/linux-headers-7.3.99-second
listing >/out/after
"""
)
LOAD = """
modprobe -a dmabuf_revoke_exporter dmabuf_revoke_importer || exit
/opt/dmabuf-revoke/info info
"""
ODD_KERNELS = (
    FUNCTIONS
    + r"""
dkms add /out/*.tar.xz >/out/add.log 2>&1
dkms install dmabuf-revoke/@VERSION@ -k $release >/out/install.log 2>&1
for option in DMA_SHARED_BUFFER SYNC_FILE; do
    copy 7.3.98-$option "/^CONFIG_$option=/d"
    hook 7.3.98-$option >/out/$option.log 2>&1
done
copy 7.3.98-clang 's/^CONFIG_CC_IS_GCC=y/CONFIG_CC_IS_CLANG=y/'
sed -i '/^CC = /d' /usr/src/linux-headers-7.3.98-clang/.kernelvariables
hook 7.3.98-clang >/out/clang.log 2>&1
cat /var/lib/dkms/dmabuf-revoke/@VERSION@/build/make.log >/out/clang.make.log
mkdir /lib/modules/7.3.98-bare
dkms install dmabuf-revoke/@VERSION@ -k 7.3.98-bare >/out/bare.log 2>&1 || echo "status $?" >>/out/bare.log
dkms status >/out/odd.status
cp /var/lib/dkms/dmabuf-revoke/@VERSION@/$release/x86_64/log/make.log /out/gcc.make.log
"""
)


def make_dist(out: Path, *commit: str, source: Path = REPOSITORY) -> Path:
    command = [str(source / "scripts/dist"), str(out), *commit]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def version() -> str:
    """That of the last commit, as the tarball."""
    command = ["git", "-C", str(REPOSITORY), "show", "HEAD:dkms.conf"]
    return package(subprocess.check_output(command, text=True))[1]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dist(tmp_path_factory.mktemp("dist"))


def run(kernel: kernels.Kernel, entry: Path, script: str, dist: Path) -> Path:
    """Run a script in the guest's tree, with the tarball in /out; what it has put there."""
    words = {
        "@RELEASE@": session.release_of(entry),
        "@VERSION@": version(),
        "@PREVIOUS@": previous.VERSION,
    }
    for word, value in words.items():
        script = script.replace(word, value)
    top = settings.cache_directory()
    ccache = entry / "ccache"
    ccache.mkdir(exist_ok=True)
    binds = {"out": dist.parent, "ccache": ccache}
    with cache.locked(top, kernel.name):
        chroot.run("dkms", top / "mnt", entry, script, binds)
    return dist.parent


@pytest.fixture(scope="module")
def life(kernel: kernels.Kernel, entry: Path, dist: Path) -> Path:
    top = dist.parent / "older"
    [tarball] = previous.given("dist/*.tar.xz") or [dist]
    with tarfile.open(tarball) as tar:
        tar.extractall(top)
    if tarball == dist:
        previous.make_of(top, version())
    return run(kernel, entry, LIFE, dist)


@pytest.fixture(scope="module")
def odd(kernel: kernels.Kernel, entry: Path, dist: Path) -> Path:
    return run(kernel, entry, ODD_KERNELS, dist)


# The tarball


#: Another user, with habits of his own.
UNLIKE = """
umask 077
cp -r "$1/clone" "$1/a/tree/from/elsewhere"
export HOME="$1/home" XZ_OPT=-0 XZ_DEFAULTS=--check=crc32 TZ=Pacific/Kiritimati LC_ALL=C
"$1/a/tree/from/elsewhere/scripts/dist" "$1/out"
"""
CONFIGURATION = """
[core]
    autocrlf = true
    attributesFile = {top}/home/attributes
[tar]
    umask = 0077
"""


def test_other_circumstances_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    for name in ("home", "a/tree/from"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home/.gitconfig").write_text(CONFIGURATION.format(top=tmp_path))
    (tmp_path / "home/attributes").write_text("*.md export-ignore\n")
    origin = f"file://{REPOSITORY}"
    command = ["git", "clone", "--quiet", "--depth=1", origin, f"{tmp_path}/clone"]
    subprocess.run(command, check=True)
    subprocess.run(["sh", "-ec", UNLIKE, "sh", str(tmp_path)], check=True)
    again = tmp_path / "out" / dist.name
    assert dist.name == f"dmabuf-revoke-{version()}.tar.xz"
    assert differences(dist, again) == []


@pytest.fixture
def two_commits(tmp_path: Path) -> Path:
    """A repository of its own, since a clone may have but one commit."""

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True)

    git("init", "--quiet")
    (tmp_path / "scripts").mkdir()
    for name in ("dkms.conf", "scripts/dist"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
        git("add", name)
        git("commit", "--quiet", f"--message={name}")
    return tmp_path


def test_control_another_commit_gives_another_tarball(two_commits: Path) -> None:
    first, again, other = (
        make_dist(two_commits / f"out{n}", commit, source=two_commits).read_bytes()
        for n, commit in enumerate(("HEAD", "HEAD", "HEAD~1"))
    )
    assert first == again != other


def test_tarball_has_what_git_has(dist: Path) -> None:
    command = ["git", "-C", str(REPOSITORY), "ls-tree", "-r", "--name-only", "HEAD"]
    listed = subprocess.check_output(command, text=True).splitlines()
    with tarfile.open(dist) as tar:
        files = {member.name: member for member in tar if member.isfile()}
    top = dist.name.removesuffix(".tar.xz")
    assert set(files) == {f"{top}/{name}" for name in listed}
    assert files[f"{top}/scripts/setup"].mode == 0o755
    assert files[f"{top}/dkms.conf"].mode == 0o644


def test_dist_needs_git(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts/dist"
    script.write_bytes((REPOSITORY / "scripts/dist").read_bytes())
    done = subprocess.run(
        ["bash", str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "releases are made from git" in done.stderr


# Its life


def status(path: Path) -> list[str]:
    return path.read_text().splitlines()


def line(version: str, release: str) -> str:
    return f"dmabuf-revoke/{version}, {release}, x86_64: installed"


def test_upgrade_leaves_one_version(life: Path, entry: Path) -> None:
    """In dkms, beside its sources, and in the kernel's tree."""
    release = session.release_of(entry)
    for name, number in (("previous", previous.VERSION), ("upgrade", version())):
        assert status(life / f"{name}.status") == [line(number, release)]
    files = (life / "upgrade.files").read_text()
    assert f"/usr/src/dmabuf-revoke-{version()}\n" in files
    assert previous.VERSION not in files
    assert previous.VERSION in (life / "previous.files").read_text()
    then, now = (
        dict(line.split()[::-1] for line in status(life / f"{name}.modules"))
        for name in ("previous", "upgrade")
    )
    assert len(now) == 2 and then.keys() == now.keys()
    assert not set(then.values()) & set(now.values())


def test_upgraded_modules_load(
    kernel: kernels.Kernel, entry: Path, life: Path, compiled: Path
) -> None:
    """And are not those of the release before: info exits 77 if their ABI is another one."""
    modules = life / "modules"
    with tarfile.open(life / "modules.tar") as tar:
        tar.extractall(modules)
    overlay = Archive()
    overlay.tree("", modules)
    overlay.file("/opt/dmabuf-revoke/info", compiled / "tools/dmabuf-revoke")
    run = boot(kernel, entry, overlay, LOAD)
    run.succeeded()
    assert re.search(r"^device +/dev/dmabuf-revoke/importer$", run.output, re.M)


def test_second_kernel_gets_its_modules_by_itself(life: Path, entry: Path) -> None:
    assert status(life / "second.log")[-1] == "status 0"
    assert sorted(status(life / "second.status")) == sorted(
        [line(version(), session.release_of(entry)), line(version(), "7.3.99-second")]
    )
    assert (life / "second.vermagic").read_text().startswith("7.3.99-second ")
    assert len(status(life / "built")) == 4


def test_removal_leaves_no_file(life: Path) -> None:
    before, after = (set(status(life / name)) for name in ("before", "after"))
    assert after ^ before <= {"d /var/lib/dkms"}


# Kernels that are not for it


@pytest.mark.parametrize("option", ["DMA_SHARED_BUFFER", "SYNC_FILE"])
def test_kernel_without_an_option_is_declined(odd: Path, option: str) -> None:
    """With a line that says so, and the installation of the kernel goes on."""
    release = f"7.3.98-{option}"
    log = (odd / f"{option}.log").read_text()
    lines = log.splitlines()
    assert lines[-1] == "status 0"
    assert f"Autoinstall on {release} was skipped for module(s) dmabuf-revoke." in lines
    assert "which does not match this kernel/arch/config." in lines
    assert "Building" not in log
    assert release not in (odd / "odd.status").read_text()


def test_control_kernel_with_all_options_is_not_declined(odd: Path) -> None:
    assert "BUILD_EXCLUSIVE" not in (odd / "install.log").read_text()


def test_doctor_asks_for_the_same_options() -> None:
    text = (REPOSITORY / "tools/doctor_options.c").read_text()
    asked = re.findall(r'^\t"(CONFIG_\w+)",$', text, re.M)
    conf = (REPOSITORY / "dkms.conf").read_text()
    declared = re.search(r'^BUILD_EXCLUSIVE_CONFIG="(.*)"$', conf, re.M)
    assert declared and asked == declared[1].split()


def test_kernel_without_headers_is_explained(odd: Path) -> None:
    log = (odd / "bare.log").read_text()
    assert re.search(r"status [1-9]\d*\n\Z", log)
    assert "linux-headers-7.3.98-bare" in log


def test_kernel_of_clang_is_built_by_clang(odd: Path) -> None:
    """As far as that goes in a tree without LLVM: make is told, and asks for it."""
    log = (odd / "clang.make.log").read_text()
    assert " LLVM=1 " in log and "clang: not found" in log
    assert "LLVM" not in (odd / "gcc.make.log").read_text()
