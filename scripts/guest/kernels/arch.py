# SPDX-License-Identifier: GPL-2.0-only
"""The architectures that guests can have: the only place that knows how they differ."""
from __future__ import annotations

import platform
from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    """What differs between guests of two architectures, and how each is built for."""

    #: Debian's name.
    debian: str
    #: What uname -m says: the name that DKMS and qemu use.
    machine: str
    triplet: str
    #: The kernel's own: ARCH=, and the image that make leaves.
    kernel: str
    image: str
    #: What a guest needs of its kernel: a fragment in kernel/, or none, beside guest.config, of
    #: which it does without the symbols ``spared``.
    needs: str
    spared: tuple[str, ...]
    #: The symbol that tells by a configuration.
    symbol: str
    #: The board, as qemu calls it, and all that it can emulate of a CPU.
    board: str
    cpu: str
    #: The same under KVM, where that is another word.
    kvm_board: str
    console: str
    append: str
    #: QMP: what makes a kernel that hangs show where it does, and what the console then takes.
    provoke: tuple[str, ...]
    provoke_key: bytes = b""
    #: The guest's clock is the host's time stamp counter, whose rate it has to be told.
    tsc: bool = False

    @property
    def qemu(self) -> str:
        return f"qemu-system-{self.machine}"

    @property
    def foreign(self) -> bool:
        """This machine cannot run its programs."""
        return self is not host()

    @property
    def prefix(self) -> str:
        """What the names of the tools begin with that build for it here."""
        return f"{self.triplet}-" if self.foreign else ""

    @property
    def compiler(self) -> list[str]:
        """Debian's packages of the compiler that builds for it here."""
        if not self.foreign:
            return ["gcc"]
        name = self.triplet.replace("_", "-")
        # Of this machine: apt would choose the one that runs there.
        return [f"{tool}-{name}:{host().debian}" for tool in ("gcc", "binutils")]

    def environment(self) -> dict[str, str]:
        """What tells make, in a kernel tree, whom to build for."""
        if not self.foreign:
            return {}
        return {"ARCH": self.kernel, "CROSS_COMPILE": self.prefix}

    def make_programs(self, bits: int) -> list[str]:
        """make's arguments for programs of that word size.

        Of a library that there is of another architecture only pkg-config knows nothing.
        """
        if self.foreign:
            where = f"/usr/lib/{self.triplet}/pkgconfig:/usr/share/pkgconfig"
            tools = [f"CC={self.prefix}gcc", f"AR={self.prefix}ar"]
            return [f"PKG_CONFIG_LIBDIR={where}", *tools]
        if bits == 32:
            where = "/usr/lib/i386-linux-gnu/pkgconfig:/usr/share/pkgconfig"
            return [f"PKG_CONFIG_LIBDIR={where}", "CC=gcc -m32"]
        return ["CC=gcc"]


# unknown_nmi_panic: a hung guest can be made to show where it hangs.
AMD64 = Arch(
    debian="amd64",
    machine="x86_64",
    triplet="x86_64-linux-gnu",
    kernel="x86",
    image="arch/x86/boot/bzImage",
    needs="",
    spared=(),
    symbol="CONFIG_X86",
    board="q35",
    cpu="max",
    kvm_board="q35",
    console="ttyS0",
    append="unknown_nmi_panic=1 tsc=reliable",
    provoke=('{"execute":"inject-nmi"}',),
    tsc=True,
)

# Pointers are signed by a hash that is slow to emulate, unless qemu may choose it. There is no
# NMI: a break on the console, then c, is what a person would do, and sysrq has to let him. The
# registers are for a CPU that takes no interrupts. The memory has tags only if the board is told.
ARM64 = Arch(
    debian="arm64",
    machine="aarch64",
    triplet="aarch64-linux-gnu",
    kernel="arm64",
    image="arch/arm64/boot/Image",
    needs="arm64.config",
    spared=("CONFIG_ACPI", "CONFIG_SERIAL_8250", "CONFIG_SERIAL_8250_CONSOLE"),
    symbol="CONFIG_ARM64",
    board="virt,mte=on",
    cpu="max,pauth-impdef=on",
    kvm_board="virt,gic-version=host",
    console="ttyAMA0",
    append="sysrq_always_enabled",
    provoke=(
        '{"execute":"human-monitor-command",'
        '"arguments":{"command-line":"info registers -a"}}',
        '{"execute":"chardev-send-break","arguments":{"id":"console"}}',
    ),
    provoke_key=b"c",
)

ALL = (AMD64, ARM64)


def of_config(config: dict[str, str]) -> Arch:
    """The one that a kernel of this configuration is for; a PC where it does not say."""
    return next((arch for arch in ALL if config.get(arch.symbol) == "y"), AMD64)


def host() -> Arch:
    """This machine's. Where guests are of none of them, they are emulated as on a PC."""
    machine = platform.machine()
    return next((arch for arch in ALL if arch.machine == machine), AMD64)
