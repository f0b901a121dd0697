# SPDX-License-Identifier: GPL-2.0-only
"""What boots: the kernel as an ELF file, and the first initramfs."""
from __future__ import annotations

import lzma
import subprocess
import zlib
from pathlib import Path

from .. import process
from ..errors import RunnerError
from ..tree.cpio import Archive

# In the order of loading, each with its symbol; what is built in is left out by itself.
MODULES = {
    "virtio_pci": "CONFIG_VIRTIO_PCI",
    "virtio_blk": "CONFIG_VIRTIO_BLK",
    "virtio_console": "CONFIG_VIRTIO_CONSOLE",
    "erofs": "CONFIG_EROFS_FS",
    "overlay": "CONFIG_OVERLAY_FS",
}
BUSYBOX = "usr/bin/busybox"
# Early code of these looks at a shadow that the PVH entry has not made yet.
_SHADOWED = ["CONFIG_KASAN", "CONFIG_KMSAN"]
# Where the first stage mounts a second disk, if this directory is there.
LAYER = "/layer"


def elf_boots(config: dict[str, str]) -> bool:
    """Whether qemu can start the kernel by its ELF file."""
    return "CONFIG_PVH" in config and not any(name in config for name in _SHADOWED)


def is_plain(image: bytes) -> bool:
    """Whether it is an Image: what arm64 boots, not compressed."""
    return image[0x38:0x3C] == b"ARM\x64"


def unpack_kernel(image: bytes) -> bytes:
    """The ELF file inside a bzImage. Its PVH entry saves one to two seconds of booting.

    What is not compressed stays as it is.
    """
    if image[:4] == b"\x7fELF" or is_plain(image):
        return image
    if image[0x1FE:0x200] != b"\x55\xaa" or image[0x202:0x206] != b"HdrS":
        raise RunnerError("the kernel is not a bzImage")
    setup = (image[0x1F1] or 4) + 1
    offset = setup * 512 + int.from_bytes(image[0x248:0x24C], "little")
    length = int.from_bytes(image[0x24C:0x250], "little")
    payload = image[offset : offset + length]
    if payload[:6] == b"\xfd7zXZ\0":
        elf = lzma.LZMADecompressor().decompress(payload)
    elif payload[:2] == b"\x1f\x8b":
        elf = zlib.decompressobj(31).decompress(payload)
    elif payload[:4] == b"\x28\xb5\x2f\xfd":
        elf = _zstd(payload)
    else:
        raise RunnerError(f"unknown compression of the kernel: {payload[:4].hex()}")
    if elf[:4] != b"\x7fELF":
        raise RunnerError("the kernel's payload is not an ELF file")
    return elf


def _zstd(data: bytes) -> bytes:
    # The four bytes of length after the frame make zstd fail after a full output.
    done = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True)
    if not done.stdout:
        raise RunnerError(f"zstd: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _plain_module(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        return _zstd(data)
    return data


def first_initrd(busybox: Path, tree: Path, release: str, layer: bool = False) -> bytes:
    """busybox and the modules needed to reach the root tree; ``/modules`` lists them.

    ``tree`` has them below lib/modules. With ``layer`` there is a second disk.
    """
    result = Archive()
    for name in ("proc", "sys", "dev", "lower", "rw", "root"):
        result.directory(f"/{name}")
    if layer:
        result.directory(LAYER)
    result.file("/bin/busybox", busybox)
    order: list[str] = []
    for module in MODULES:
        command = ["modprobe", "-d", str(tree), "-S", release, "--show-depends", module]
        for line in process.run(f"finding module {module}", command).splitlines():
            words = line.split()
            if words[0] != "insmod":
                continue  # built in
            path = Path(words[1])
            name = path.name.split(".ko")[0] + ".ko"
            if name not in order:
                order.append(name)
                result.data(f"/modules.d/{name}", _plain_module(path))
    result.data("/modules", "\n".join([*order, ""]).encode())
    return result.content()
