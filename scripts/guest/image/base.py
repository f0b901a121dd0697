# SPDX-License-Identifier: GPL-2.0-only
"""A guest's image: root tree as erofs, ELF kernel, first initramfs.

An entry holds ``root.erofs``, ``vmlinux`` (an ELF file, bzImage or Image), ``initrd``, ``meta.json`` and, where the
host cannot mount erofs, the tree itself as ``tree``. Of a kernel of one's own layer.py adds what is not the root tree.
Where the host cannot run its programs either, ``tools`` is the tree to build in (foreign.py).
"""
from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..kernel import boot, kbuild
from ..kernels import Kernel
from ..output.console import say
from ..output.progress import phase
from ..tree import archive, bootstrap, cache, chroot
from . import foreign, layer

# Raise when the recipe changes in a way that the inputs of key() do not show.
RECIPE = 1

# initramfs-tools, so that the kernel does not pull in dracut.
PACKAGES = """
    initramfs-tools busybox-static kmod udev mount procps dkms gcc make pkg-config
    ccache sparse libc6-dev check libsmartcols-dev zlib1g-dev python3-pytest python3-pytest-timeout
    libtracefs-dev libtraceevent-dev libtracecmd-dev libbpf-dev trace-cmd
""".split()

# Drivers of hardware that no guest has. depmod, which every `dkms install` runs, reads all
# modules: 6.4 s with these, 1.4 s without.
_NO_MODULES = """
    sound/soc sound/pci sound/hda sound/usb sound/firewire sound/isa
    net/netfilter net/sched net/bluetooth net/mac80211 net/bridge net/6lowpan
    drivers/net/ethernet drivers/net/wireless drivers/net/can drivers/net/usb
    drivers/net/phy drivers/net/dsa drivers/net/wwan drivers/net/ieee802154
    drivers/media/usb drivers/media/pci drivers/media/dvb-frontends drivers/media/tuners
    drivers/media/i2c drivers/media/rc/keymaps drivers/media/radio drivers/media/firewire
    drivers/media/platform drivers/media/mmc
    drivers/gpu/drm/amd drivers/gpu/drm/i915 drivers/gpu/drm/xe drivers/gpu/drm/nouveau
    drivers/gpu/drm/radeon drivers/gpu/drm/gma500
    drivers/infiniband/hw drivers/usb/serial drivers/usb/storage drivers/usb/misc
    drivers/iio drivers/hwmon drivers/scsi drivers/staging drivers/input drivers/comedi
    drivers/isdn drivers/mtd drivers/hid drivers/bluetooth drivers/ata drivers/watchdog
    drivers/thermal drivers/leds drivers/mmc drivers/w1 drivers/platform/x86
""".split()
EXCLUDE = [
    *(f"/usr/share/{part}/*" for part in "doc man locale info lintian".split()),
    "/etc/kernel/postinst.d/*",  # would make an initrd that nobody boots
    *(
        f"{lib}/modules/*/kernel/{d}/*"
        for lib in ("/lib", "/usr/lib")
        for d in _NO_MODULES
    ),
]

# With a kernel of our own: its objtool's library, and what makes a report of the coverage.
BUILT_PACKAGES = ["libelf-dev", "gcovr"]

# For 32-bit programs.
MULTILIB_PACKAGES = """
    gcc-multilib check:i386 libsmartcols-dev:i386 zlib1g-dev:i386
    libtracefs-dev:i386 libtraceevent-dev:i386 libbpf-dev:i386
""".split()


def packages(kernel: Kernel) -> list[str]:
    """What the guest's tree is made of."""
    if kernel.fragments:
        return [*PACKAGES, *BUILT_PACKAGES]
    if kernel.built:
        return PACKAGES
    more = MULTILIB_PACKAGES if kernel.multilib else []
    return [*PACKAGES, *more, kernel.image_package, kernel.headers_package]


def key(kernel: Kernel, version: str, tools: Path | None = None) -> str:
    """The name of the image of ``kernel``; ``version`` names the kernel in it."""
    row = [kernel.suites, packages(kernel)]
    inputs = [RECIPE, row, EXCLUDE, list(boot.MODULES), version]
    if tools:
        inputs += [foreign.UNPACKED, foreign.EXCLUDE, tools.name]
    return cache.key_of(inputs)


def _mountable(image: Path, mount_point: Path) -> bool:
    mount_point.mkdir(parents=True, exist_ok=True)
    script = f'mount -t erofs -o loop,ro "{image}" "{mount_point}"'
    try:
        process.run("mounting the image", chroot.namespace(script))
    except RunnerError:
        return False
    return True


def keep_tree(tree: Path, entry: Path) -> None:
    """Copy it into the entry. As nodes what are nodes: /dev/zero has no end."""
    process.run("keeping the tree", ["cp", "-a", str(tree), str(entry / "tree")])


def _packaged_kernel(tree: Path, entry: Path) -> None:
    """Move the kernel out of the tree."""
    # Its script copies it from here to there.
    found = [*(tree / "boot").glob("vmlinuz-*")]
    (vmlinuz,) = found or (tree / "usr/lib/modules").glob("*/vmlinuz")
    (entry / "vmlinux").write_bytes(boot.unpack_kernel(vmlinuz.read_bytes()))
    vmlinuz.unlink()


def _built_kernel(built: Path, tree: Path, entry: Path) -> None:
    """Put a kernel of our own into the tree."""
    shutil.copyfile(built / "image", entry / "vmlinux")
    unpack = ["tar", "-xf", str(built / "root.tar"), "-C", str(tree)]
    process.run("unpacking modules and headers", unpack)


def _boot(built: Path | None, tree: Path, entry: Path) -> str:
    """Kernel and initramfs into the entry, modules into the tree; the release."""
    if built:
        _built_kernel(built, tree, entry)
    else:
        _packaged_kernel(tree, entry)
    (release,) = os.listdir(tree / "usr/lib/modules")
    initrd = boot.first_initrd(tree / boot.BUSYBOX, tree, release)
    (entry / "initrd").write_bytes(initrd)
    return release


def _root_tree(
    kernel: Kernel, tools: Path | None, scratch: Path, top: Path, tree: Path
) -> None:
    variant, installed, exclude = "essential", packages(kernel), EXCLUDE
    if tools:
        variant = "extract"
        installed = [*foreign.UNPACKED, *installed]
        exclude = [*exclude, *foreign.EXCLUDE]
    with phase(kernel.name, "root tree") as part:
        bootstrap.run(kernel, tree, scratch, variant, installed, exclude, part)
        if tools:
            foreign.complete(tree, tools, top)


def _make(
    kernel: Kernel,
    built: Path | None,
    tools: Path | None,
    scratch: Path,
    top: Path,
    entry: Path,
) -> None:
    name = kernel.name
    tree = scratch / "tree"
    _root_tree(kernel, tools, scratch, top, tree)
    if tools:
        (entry / "tools").symlink_to(tools.resolve())
    if kernel.built:
        shutil.copy(tree / boot.BUSYBOX, entry / "busybox")
    else:
        with phase(name, "kernel and initramfs"):
            meta = {"kernel": name, "release": _boot(built, tree, entry)}
        (entry / "meta.json").write_text(json.dumps(meta))
    with phase(name, "disk image"):
        image = entry / "root.erofs"
        process.run("mkfs.erofs", ["mkfs.erofs", str(image), str(tree)])
        if not _mountable(image, top / "mnt"):
            say(f"[{name}] erofs cannot be mounted here: keeping the tree as well")
            keep_tree(tree, entry)


def _version(top: Path, kernel: Kernel, built: Path | None) -> str:
    """What names the kernel in the image; empty if there is none in it."""
    if kernel.built:
        return ""
    return built.name if built else archive.kernel_version(top, kernel)


def _prepare(top: Path, kernel: Kernel) -> Path:
    store = cache.Store(top / "images" / kernel.home)
    built = kbuild.prepare(top, kernel) if kernel.fragments else None
    version = _version(top, kernel, built)
    tools = foreign.prepare(top, kernel) if kernel.arch.foreign else None
    name = key(kernel, version, tools)
    found = store.get(name)
    if found:
        return found
    chroot.require_root()
    process.require(
        *("mmdebstrap", "mkfs.erofs", "modprobe", "zstd", "unshare", "setpriv", "mount")
    )
    what = f"{kernel.tracked_package} {version}" if version else kernel.suite
    say(f"[{kernel.name}] no image of {what} yet: making one")
    with bootstrap.scratch(top, kernel) as scratch:
        return store.make(
            name, lambda entry: _make(kernel, built, tools, scratch, top, entry)
        )


def prepare(top: Path, kernel: Kernel) -> Path:
    """The entry of the kernel's current image, made if it is not there.

    ``top`` is the cache directory. The caller holds the kernel's lock.
    """
    entry = _prepare(top, kernel)
    return layer.prepare(entry, kernel.name, kernel.built) if kernel.built else entry
