# SPDX-License-Identifier: GPL-2.0-only
"""Defaults and places: everything that a flag or the environment can change."""
from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent

# What a lost guest makes `run` exit with; no command uses it by itself (EX_SOFTWARE).
EXIT_LOST = 70


@dataclass(frozen=True)
class Limits:
    """Watchdogs, in seconds from qemu's start (boot, total) or the last output (silence)."""

    boot: float = 60.0
    silence: float = 120.0
    total: float = 540.0


@dataclass(frozen=True)
class Machine:
    """What the guest looks like."""

    memory: str = "1G"
    cpus: int = 2
    append: str = ""
    qemu_args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """One invocation's choices."""

    source: Path = REPOSITORY
    limits: Limits = field(default_factory=Limits)
    machine: Machine = field(default_factory=Machine)
    verbose: bool = False


def cache_directory() -> Path:
    """Where images, modules and programs are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "dmabuf-revoke"
