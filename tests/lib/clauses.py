# SPDX-License-Identifier: GPL-2.0-only
"""The clauses of the revoke contract (docs/contract.md), and how names refer to them.

The name of a C case begins with the clauses that it checks: E3_E9_sync_after_revoke.
Each is a pytest marker too, so `-m E3` selects what belongs to E3; `-k E3` matches any
name that contains it.
"""
from __future__ import annotations

import re

CLAUSES = {
    "E1": "legacy importers are refused where the buffer does not accept them",
    "E2": "the revoked flag is set first, and map decides under the resv lock",
    "E3": "after revocation nobody gets in: ENODEV",
    "E4": "each revocable attachment is invalidated once",
    "E5": "every fence is waited for, whatever its usage",
    "E6": "every mapping is waited for, and valid until it is unmapped",
    "E7": "neither wait holds the resv lock",
    "E8": "waits end on a signal and at a deadline, and can be resumed",
    "E9": "CPU access ends too",
    "E10": "the pages go back to the system",
    "E11": "what blocks is named",
    "E12": "only the owner may revoke",
    "E13": "the end of the owner is a revoke that does not block",
    "E14": "move",
    "E15": "suspend and restore",
    "E16": "nothing is published that can still fail",
    "E17": "no use of files or dma-bufs without a reference",
    "E18": "what can never be mapped is refused at attach",
    "E19": "the table is for the device",
    "E20": "pin, map and vmap come with the resv lock held",
    "E21": "CPU access after the fences, and coherent with every mapping",
    "E22": "an attachment may hold several mappings",
    "E23": "the memory is the exporter's own",
    "E24": "a CPU mapping's kernel users end with it",
    "E25": "whoever is told of a restore may map",
    "I1": "complete before attaching",
    "I2": "what the callback may do",
    "I3": "no DMA starts after the callback",
    "I4": "unmap within bounded time",
    "I5": "a pinned importer unmaps, unpins and stays dead",
    "I6": "a dynamic importer maps again before its next DMA",
    "I7": "the callback is idempotent",
    "I8": "fences signal in finite time",
    "I9": "unmap exactly what was mapped, once",
    "I10": "no DMA before the fences that it has to wait for",
    "I11": "an importer's mmap is the exporter's",
    "I12": "every segment of the table counts",
    "I13": "DMA addresses only",
    "I14": "DMA stays in the range that was asked for",
    "I15": "usable for the callback until it is detached",
    "I16": "told while it maps, it does not use what it gets",
    "I17": "what fails is passed on, and leaves nothing",
    "I18": "no fence outlives its attachment unsignalled",
}

#: Those that the modules do not offer yet, so that there is nothing to test.
NOT_YET: set[str] = set()

_PREFIX = re.compile(r"(?:test_)?((?:[EI]\d+_)+)")


def clauses_of(name: str) -> list[str]:
    """The clauses at the beginning of a test's name."""
    match = _PREFIX.match(name)
    return match.group(1).strip("_").split("_") if match else []
