# SPDX-License-Identifier: GPL-2.0-only
"""KVM where it really works, else TCG.

Some hosts offer a /dev/kvm that cannot run a stock kernel, so its presence says little.
Stage 1 measures a short loop; stage 2 boots a guest. Verdicts hold until the host reboots.
"""
from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Callable

from .. import process
from ..errors import RunnerError

PROBE = Path(__file__).with_name("kvmprobe.py")
STAGE_1_LIMIT = 1.0
STAGE_2_LIMIT = 10.0


def loop_verdict(limit: float = STAGE_1_LIMIT) -> str:
    """Stage 1: "" when KVM ran the loop within ``limit`` seconds, else why not."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "no usable /dev/kvm"
    if platform.machine() != "x86_64":
        return ""  # the loop is made of a PC's instructions
    child = process.start(
        [sys.executable, str(PROBE)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        raw, _ = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return f"/dev/kvm took more than {limit:.0f} s for what takes milliseconds"
    finally:
        child.kill()
        if child.stdout:
            child.stdout.close()
        process.finish(child)
    process.going_on()
    text = raw.decode(errors="replace").strip()
    return "" if text == "ok" else f"/dev/kvm failed: {text or 'the probe died'}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def choose(
    top: Path, boots: Callable[[float], bool], keep: bool = True
) -> tuple[str, str]:
    """("kvm" or "tcg", why). ``boots(limit)`` tells whether a guest comes up under KVM.

    ``top`` is the cache directory; there the answer is kept, unless a boot that fails may
    be the guest's own fault. RunnerError if $DMABUF_REVOKE_ACCEL is neither.
    """
    wanted = os.environ.get("DMABUF_REVOKE_ACCEL", "")
    if wanted:
        if wanted not in ("kvm", "tcg"):
            raise RunnerError(f"DMABUF_REVOKE_ACCEL is {wanted!r}: use kvm or tcg")
        return wanted, "DMABUF_REVOKE_ACCEL says so"
    path = top / "accel.json"
    boot = _boot_id()
    try:
        known = json.loads(path.read_text())
        if known["boot"] == boot:
            return str(known["accel"]), str(known["why"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    why = loop_verdict()
    if not why and not boots(STAGE_2_LIMIT):
        why = f"no guest came up under KVM within {STAGE_2_LIMIT:.0f} s"
    accel, why = ("tcg", why) if why else ("kvm", "it works here")
    if not keep:
        return accel, why
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps({"boot": boot, "accel": accel, "why": why}))
    os.replace(temporary, path)
    return accel, why
