# SPDX-License-Identifier: GPL-2.0-only
"""A guest in which something was installed before it was booted."""
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from guest import kernels
from guest.machine import session, vm
from guest.tree.cpio import Archive
from guest.settings import Limits, Machine


@dataclass
class Run:
    """How the guest ended, and what its job printed."""

    outcome: vm.Outcome
    output: str

    def succeeded(self) -> None:
        """Assert that all went well, in the eyes of the kernel, too."""
        assert not self.outcome.lost, self.outcome.console
        assert self.outcome.status == 0, self.output
        log = self.outcome.files["dmesg.txt"].decode()
        assert not re.search(r"\b(BUG|WARNING)\b", log)


def boot(kernel: kernels.Kernel, entry: Path, overlay: Archive, job: str) -> Run:
    """Boot the image with ``overlay`` on its files, and run the shell script there."""
    output: list[bytes] = []
    content = session.initrd(entry, job, {"DBR_KERNEL": kernel.name})

    def start() -> vm.Guest:
        # An emulated kernel that patches its own text may die of a second one.
        return vm.Guest(entry, content, "tcg", Machine(cpus=1))

    files = overlay.content()
    outcome = vm.see_through(start(), start, files, Limits(), output.append)
    return Run(outcome, b"".join(output).decode())
