# SPDX-License-Identifier: GPL-2.0-only
"""Kernel warnings that single items provoke on purpose.

An item asks for an allowance by a word in its name; in every other item the same line is a
failure. Nothing insists on them: most come once per boot (WARN_ONCE).
"""
from __future__ import annotations

import re

from .kernel_log import Allowed

#: A word in an item's name, and what that item may make the kernel say.
ALLOWANCES = {
    "warns_vmap": Allowed(
        re.compile(r"WARNING: (?:drivers/dma-buf/dma-buf\.c|.*\bdma_buf_vmap\b)"),
        "the core warns when an exporter refuses a vmap",
    ),
    "warns_unpin": Allowed(
        re.compile(r"\bunpinned without a pin$"),
        "the exporter complains of an unpin without a pin",
    ),
    "warns_detached": Allowed(
        re.compile(
            r"detached while (?:mapped|pinned)|WARNING: .*\bdmabuf\.c:|"
            r"WARNING: .*\bdbr_dmabuf_detach\b"
        ),
        "the exporter complains of an importer that leaves mappings and pins behind",
    ),
    "warns_iommu": Allowed(
        re.compile(r"fault addr|IO_PAGE_FAULT|arm-smmu.*: event"),
        "a device is told to go on after an unmap",
    ),
    "warns_overlap": Allowed(
        re.compile(r"DMA-API: exceeded \d+ overlapping|WARNING: kernel/dma/debug\.c"),
        "the DMA-API checks cannot count more than 7 mappings of one page",
    ),
}

#: What belongs to a warning that was let through.
TRACE = Allowed(
    re.compile(r"^\s*(?:<TASK>|Call [Tt]race:)"), "part of an allowed warning"
)


def allowed_for(name: str) -> tuple[Allowed, ...]:
    """What the item of this name may log beside what everybody may."""
    found = tuple(entry for word, entry in ALLOWANCES.items() if word in name)
    return (*found, TRACE) if found else ()
