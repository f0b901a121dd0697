# SPDX-License-Identifier: GPL-2.0-only
"""The bugs on purpose of include/uapi/dmabuf_revoke.h, in the order of their bits."""
from __future__ import annotations

#: DMABUF_REVOKE_FAULT_*: of the exporter.
FAULTS = (
    "WEAK_FENCE_WAIT",
    "NO_FENCE_WAIT",
    "NO_UNMAP_WAIT",
    "NO_TELL",
    "TELL_TWICE",
    "NO_ZAP",
    "LATE_MAP",
    "HOLD_LOCK",
    "SLOW_MAP",
    "FAIL_PIN",
    "FAIL_MAP",
    "MOVE_NO_COPY",
    "MOVE_PINNED",
    "NO_LEGACY_TEST",
    "KEEP_MEMORY",
    "BIG_SEGMENTS",
    "ONE_MAP",
    "SYNC_EARLY",
    "LATE_REFUSAL",
    "TELL_IN_PIN",
    "TELL_IN_MAP",
    "TELL_ON_RESTORE",
    "FAIL_ATTACH",
    "FAIL_VMAP",
    "FAIL_MMAP",
    "FAIL_CPU_ACCESS",
    "HOLD_IN_MAP",
    "HOLD_AFTER_TELL",
    "NO_VMAP_OP",
    "NO_MMAP_OP",
    "NO_PIN_OP",
)

#: DMABUF_REVOKE_MISBEHAVE_*: of the importer.
MISBEHAVIOURS = (
    "IGNORE",
    "NO_UNMAP",
    "LATE_UNMAP",
    "SLOW_CALLBACK",
    "LATE_FENCE",
    "STUCK_FENCE",
    "FENCE_ERROR",
    "FENCE_AFTER",
    "NEW_DMA",
    "REMAP",
    "DMA_AFTER_UNMAP",
    "KEEP_PIN",
    "REVIVE",
    "DOUBLE_UNPIN",
    "SKIP_KERNEL_FENCE",
    "KERNEL_FENCE",
)
