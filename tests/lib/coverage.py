# SPDX-License-Identifier: GPL-2.0-only
"""Takes what gcov counted in both modules out of the guest, with the results."""
from __future__ import annotations

import os
from pathlib import Path

GCOV = Path("/sys/kernel/debug/gcov")

#: Where both modules are built for a kernel that counts (scripts/guest/image/modules.py).
SOURCE = "usr/src/dmabuf-revoke"


def save() -> None:
    """Copy the counts to $DBR_RESULTS/gcov; nothing where the modules do not count."""
    results = os.environ.get("DBR_RESULTS")
    top = GCOV / SOURCE
    if not results or not top.is_dir():
        return
    for part in ("exporter", "importer"):
        for counts in sorted(top.glob(f"{part}/**/*.gcda")):
            target = Path(results, "gcov", counts.relative_to(top))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(counts.read_bytes())
