# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that guests can run: the only place that lists them."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import RunnerError
from . import arch as arches
from .arch import AMD64, ARM64, Arch


@dataclass(frozen=True)
class Build:
    """A kernel that somebody has built: where make was run, and what of it boots."""

    directory: Path
    image: Path


@dataclass(frozen=True)
class Kernel:
    """One row of the table: where a guest's root tree and kernel come from.

    ``suite`` gives the root tree; ``kernel_suite`` the ``linux-*`` packages, and may be
    the same; ``flavour`` is the end of the meta packages' names. With ``fragments``, files
    in kernel/, the kernel is built from the archive's source by that configuration.
    With ``built`` there are no such packages (kernel/own.py).
    """

    name: str
    suite: str
    kernel_suite: str
    arch: Arch = AMD64
    flavour: str = "amd64"
    fragments: tuple[str, ...] = ()
    built: Build | None = None
    memory: str = "1G"
    append: str = ""
    #: The CPU, as qemu calls it; empty: the host's under KVM, else all that qemu can emulate.
    cpu: str = ""
    #: What the machine has beside what every guest has: words of qemu's command line.
    hardware: tuple[str, ...] = ()
    #: How many times as long as on a stock kernel everything may take.
    patience: float = 1.0
    #: Guests that share the suite.
    shards: int = 1
    #: What of the suite runs, as pytest's -k, unless a choice is asked for; empty: all.
    part: str = ""
    #: What else runs of it, in a guest of its own: what waits more than it computes. A guest that
    #: judges drivers takes a third of a CPU.
    waiting: str = ""
    #: With ``fragments``: which lines of the modules run is counted, and judged (suite/coverage.py).
    counted: bool = False
    #: The tree can make and run 32-bit programs, too.
    multilib: bool = False
    #: Of the programs: 64 or 32.
    bits: int = 64
    #: The row whose image this one runs in; empty: its own.
    image_of: str = ""

    @property
    def home(self) -> str:
        """What the image is kept under, and its lock."""
        return self.image_of or self.name

    @property
    def image_package(self) -> str:
        return f"linux-image-{self.flavour}"

    @property
    def headers_package(self) -> str:
        return f"linux-headers-{self.flavour}"

    @property
    def tracked_package(self) -> str:
        """The package whose version is that of the kernel."""
        return "linux-source" if self.fragments else self.image_package

    @property
    def suites(self) -> list[str]:
        """The suites the tree is made of, the base one first."""
        return list(dict.fromkeys([self.suite, self.kernel_suite]))


# What judges drivers takes minutes, and is the same code everywhere: it runs on the kernel that
# changes most often. Names, since pytest of bookworm knows no folders.
_JUDGE = (
    "test_misuse or test_blocked or test_reports or test_left or test_importers or test_exporters"
    " or test_survey or test_tables"
)

# Waits for a minute to pass, whatever the kernel.
_MINUTE = "after_a_minute"

# PREEMPT_RT turns spinlocks into sleeping locks and interrupts into threads. What can tell are
# the cases in which fences, faults, workers and callbacks meet; the rest is the same code.
_RT_PART = (
    "(contract or features or fences or jobs or mmap or race or suspend or beside_each_other)"
    f" and not (unload or test_tracedat or test_adapters or {_MINUTE} or {_JUDGE})"
)

# What finds bugs by random programs is user space; the bugs are ours. The newest kernel and
# the oldest are enough.
_FINDS = "(test_finds and control)"

# Of watch what the kernel has no part in: which of three signals ends it, all of them read from
# one file, and which buffers are shown of all that were recorded.
_WATCH = "test_chosen or (in_order and (SIGTERM or SIGHUP))"
_OLDEST_PART = f"not ({_WATCH} or {_MINUTE} or {_JUDGE})"
_OLDER_PART = f"not ({_WATCH} or {_MINUTE} or {_FINDS} or {_JUDGE})"
_STOCK_PART = f"not ({_MINUTE} or {_JUDGE})"
# The rest of it takes longest: make check TESTS="busy_loops or is_let_in".
_STOCK_WAITING = f"({_MINUTE} or {_JUDGE}) and not (busy_loops or is_let_in)"

# What tests the command, and the controls of other tests: no kernel code, and slow there. And
# latencies: it maps a page 257 times, and the DMA-API checks count to 7. And what watch records:
# to enable a probe takes half a second there; where it needs none it is tested.
_DEBUG_PART = (
    "not (test_latency or test_doctor or test_usage or test_demo or test_verbs or test_completion"
    " or test_bench or units or control or (watch and not test_own_events)"
    f" or {_JUDGE})"
)

# Tests that start none of the programs, or to which the word size of one is all the same.
_M32_PART = (
    "not (test_doctor or test_moments or test_right_after or test_completion or test_modules"
    " or test_red or control or race or test_programs or watch or test_late_log or channels"
    f" or test_copies or test_coherence or judge_blames or {_MINUTE} or {_JUDGE})"
)

# Tests in which no data moves by DMA, and no mapping has an end.
_SWIOTLB_PART = (
    "not (test_doctor or test_usage or test_demo or test_verbs or test_completion or test_bench"
    " or watch or units or test_moments or test_right_after or test_modules or test_red or word_size"
    f" or badinput or failnth or test_late_log or {_FINDS} or {_MINUTE} or {_JUDGE})"
)

# Tests of devices, and those in which most data moves by DMA.
_IOMMU_PART = (
    "(devices or drivers or foreign or jobs or mappings or peer or quarantine)"
    " and not (unload or failnth or control or test_rights or test_red or timens or latency)"
)

# Beside the device that every guest has another one that does DMA, and one whose BAR 2 is memory,
# behind a root port of its own, so that it can be reset.
_DEVICES = """
    -device edu,dma_mask=0xffffffffffffffff
    -device pcie-root-port,id=below,chassis=1
    -object memory-backend-ram,id=shared,size=1M -device ivshmem-plain,memdev=shared,bus=below
""".split()

# What was unmapped is translated no more, and vfio does without remapped interrupts.
_STRICT = "iommu.strict=1 vfio_iommu_type1.allow_unsafe_interrupts=1"

# slab_debug=F: without it kmemleak misses small objects. rcu_expedited: lockdep waits for RCU with
# each part of a module that goes, which was half of what that took.
_DETECTORS = "slab_debug=F kmemleak=on rcupdate.rcu_expedited=1"


# Debian's kernels there have no system heap.
_ARM64 = Kernel(
    "7.3-arm64",
    suite="trixie",
    kernel_suite="trixie-backports",
    arch=ARM64,
    flavour="arm64",
    part=_OLDER_PART,
)


def _rt(name: str, suite: str, kernel_suite: str) -> Kernel:
    return Kernel(name, suite, kernel_suite, flavour="rt-amd64", part=_RT_PART)


_STOCK = Kernel(
    "7.3",
    suite="trixie",
    kernel_suite="trixie-backports",
    multilib=True,
    part=_STOCK_PART,
)

TABLE = {
    kernel.name: kernel
    for kernel in [
        Kernel("6.1", suite="bookworm", kernel_suite="bookworm", part=_OLDEST_PART),
        Kernel("6.12", suite="trixie", kernel_suite="trixie", part=_OLDER_PART),
        replace(_STOCK, waiting=_STOCK_WAITING),
        Kernel(
            "7.3-debug",
            suite="trixie",
            kernel_suite="trixie-backports",
            fragments=("debug.config", "debug-x86.config"),
            memory="2G",
            # no5lvl: an interrupt while the CPU is identified makes KASAN take high addresses
            # for wild ones.
            append=f"{_DETECTORS} no5lvl",
            patience=4.0,
            counted=True,
            shards=2,
            part=_DEBUG_PART,
        ),
        replace(_STOCK, name="7.3-m32", bits=32, image_of="7.3", part=_M32_PART),
        replace(
            _STOCK,
            name="7.3-swiotlb",
            image_of="7.3",
            # 128 MiB in slots of 2 KiB: twice the default, so that large buffers map, too.
            append="swiotlb=65536,force",
            memory="1152M",
            part=_SWIOTLB_PART,
        ),
        replace(
            _STOCK,
            name="7.3-iommu",
            image_of="7.3",
            append=f"intel_iommu=on {_STRICT}",
            # The kernel lets devices reach each other below AMD's root complexes, and not below
            # the one that q35 has.
            cpu="EPYC",
            # No interrupts are remapped: KVM cannot, and a kernel that is slow for a moment panics
            # with such a timer interrupt.
            hardware=("-device", "intel-iommu,intremap=off", *_DEVICES),
            part=_IOMMU_PART,
        ),
        _rt("6.1-rt", suite="bookworm", kernel_suite="bookworm"),
        _rt("6.12-rt", suite="trixie", kernel_suite="trixie"),
        _rt("7.3-rt", suite="trixie", kernel_suite="trixie-backports"),
        _ARM64,
        replace(_ARM64, name="7.3-arm64-16k", flavour="arm64-16k"),
        replace(_ARM64, name="6.12-arm64", kernel_suite="trixie"),
        replace(
            _ARM64,
            name="7.3-arm64-debug",
            fragments=("debug.config", "debug-arm64.config"),
            memory="2G",
            append=_DETECTORS,
            patience=4.0,
            shards=2,
            part=_DEBUG_PART,
        ),
        replace(
            _ARM64,
            name="7.3-arm64-iommu",
            image_of="7.3-arm64",
            append=_STRICT,
            # An SMMUv3. The board is chosen by another option, to which this one adds.
            hardware=("-machine", "iommu=smmuv3", *_DEVICES),
            part=_IOMMU_PART,
        ),
    ]
}
#: The row whose kernel changes most often, of each architecture.
_STOCKS = {AMD64: "7.3", ARM64: "7.3-arm64"}
DEFAULT = _STOCKS[arches.host()]
#: Not in the table: whoever has built a kernel says where (kernel/own.py).
OWN = "own"


def lookup(name: str) -> Kernel:
    """Return the row called ``name``; RunnerError names the known ones otherwise."""
    try:
        return TABLE[name]
    except KeyError:
        known = ", ".join([*TABLE, OWN])
        raise RunnerError(f"unknown kernel {name!r}; known: {known}") from None


def stock(arch: Arch) -> Kernel:
    """The row that stands for an architecture."""
    return TABLE[_STOCKS[arch]]


def debug(arch: Arch) -> Kernel:
    """The row with the detectors of an architecture."""
    return next(row for row in TABLE.values() if row.fragments and row.arch is arch)
