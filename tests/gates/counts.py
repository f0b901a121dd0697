# SPDX-License-Identifier: GPL-2.0-only
"""The leak gate: what there is of our objects has to be the same before and after a test."""
from __future__ import annotations

import os
import re
import time
from pathlib import Path

from tests.lib import ioctls

MODULES = ("dmabuf_revoke_exporter", "dmabuf_revoke_importer")
BUFINFO = Path("/sys/kernel/debug/dma_buf/bufinfo")

#: Exporters whose dma-bufs the tests make. Those of graphics drivers come and go.
EXPORTERS = (
    "dmabuf_revoke_exporter",
    "dmabuf_revoke_exporter-quarantine",
    "system",
    "udmabuf",
)

#: How long what has no event may take, in seconds: the last reference of a dma-buf is dropped
#: by a worker of the exporter, and by the kernel's own one after the fput of a dying process.
#: No verdict is to rest on either of them being quick: only what never comes is given up.
PATIENCE = 30.0 * float(os.environ.get("DBR_PATIENCE", "1"))

Counts = dict[str, int]


def _dma_bufs() -> Counts:
    """dma-bufs in the whole system, by exporter; nothing without debugfs."""
    try:
        text = BUFINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return {}
    return {
        f"dma-bufs of {name}": len(re.findall(rf"\t{name}\t", text))
        for name in EXPORTERS
    }


def _references() -> Counts:
    result: Counts = {}
    for name in MODULES:
        # No Path: twice around each test, that is half of what the gates cost.
        try:
            with open(f"/sys/module/{name}/refcnt", "rb", buffering=0) as file:
                references = int(file.read())
        except FileNotFoundError:
            continue
        result[f"modules called {name}"] = 1
        result[f"references to {name}"] = references
    return result


def counts() -> Counts:
    """Of everything that a test could leave behind. A device that is not there has none."""
    result = {**_references(), **_dma_bufs()}
    if os.path.exists(ioctls.EXPORTER):
        fd = ioctls.open_node(ioctls.EXPORTER)
        result["buffers"], result["bytes"], _ = ioctls.exporter_info(fd)
        result["ids"] = ioctls.list_count(fd)
        os.close(fd)
    if os.path.exists(ioctls.IMPORTER):
        fd = ioctls.open_node(ioctls.IMPORTER)
        result["attachments"], result["jobs"] = ioctls.importer_info(fd)
        os.close(fd)
    return result


def settle(before: Counts, patience: float = PATIENCE) -> list[str]:
    """What differs from ``before`` for longer than ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while True:
        after = counts()
        wrong = [
            f"{name}: {before.get(name, 0)} before, {after.get(name, 0)} after"
            for name in sorted(before.keys() | after.keys())
            if before.get(name, 0) != after.get(name, 0)
        ]
        if not wrong or time.monotonic() >= deadline:
            return wrong
        # These counts have no event to wait for.
        time.sleep(0.002)
