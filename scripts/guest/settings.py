# SPDX-License-Identifier: GPL-2.0-only
"""Defaults and places: everything that a flag or the environment can change."""
from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Mapping

from .kernels import Kernel
from .kernels.arch import AMD64, Arch

REPOSITORY = Path(__file__).resolve().parent.parent.parent

# What a lost guest makes `run` exit with; no command uses it by itself (EX_SOFTWARE).
EXIT_LOST = 70


@dataclass(frozen=True)
class Limits:
    """Watchdogs, in seconds from qemu's start (boot, total) or the last output (silence).

    The longest test takes 20 s where nothing else runs, and ten times that on a busy host.
    """

    boot: float = 120.0
    silence: float = 300.0
    total: float = 3600.0


@dataclass(frozen=True)
class Machine:
    """What the guest looks like."""

    arch: Arch = AMD64
    memory: str = ""  # empty: what the kernel needs
    cpus: int = 2
    #: Time is a count of instructions, which repeats, on one CPU.
    icount: bool = False
    append: str = ""
    cpu: str = ""  # empty: the accelerator's best
    #: Words of qemu's command line, before all other devices: an IOMMU has to be the first.
    hardware: tuple[str, ...] = ()
    qemu_args: tuple[str, ...] = ()
    #: Words before qemu's own name.
    wrapper: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """One invocation's choices."""

    source: Path = REPOSITORY
    limits: Mapping[str, float] = field(default_factory=dict)  # other than the defaults
    machine: Machine = field(default_factory=Machine)
    verbose: bool = False

    def limits_for(self, kernel: Kernel) -> Limits:
        """Those chosen; the others as a guest of this kernel needs them."""
        chosen = {
            limit.name: self.limits.get(
                limit.name, getattr(Limits(), limit.name) * kernel.patience
            )
            for limit in fields(Limits)
        }
        return Limits(**chosen)

    def machine_for(self, kernel: Kernel) -> Machine:
        """The machine chosen, with what this kernel needs."""
        return replace(
            self.machine,
            arch=kernel.arch,
            memory=self.machine.memory or kernel.memory,
            append=f"{kernel.append} {self.machine.append}".strip(),
            cpu=kernel.cpu,
            hardware=kernel.hardware,
        )


def cache_directory() -> Path:
    """Where images, modules and programs are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "dmabuf-revoke"
