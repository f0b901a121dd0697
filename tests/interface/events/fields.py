# SPDX-License-Identifier: GPL-2.0-only
"""The trace events of both modules and their fields, as docs/modules/events.md promises them.

tests/host/documents/test_trace_page.py compares it with the sources and with that page,
test_formats.py with what the kernel says.
"""
from __future__ import annotations

EXPORTER = "dmabuf_revoke_exporter"
IMPORTER = "dmabuf_revoke_importer"

#: A field has one type, and one meaning, wherever it is.
FIELDS = {
    "address": "u64",
    "admitted": "bool",
    "attach": "struct dma_buf_attachment *",
    "bug": "string",
    "call": "string",
    "context": "u64",
    "dev_name": "string",
    "dir": "u32",
    "engine": "u32",
    "faults": "u64",
    "fd": "int",
    "flags": "u32",
    "id": "u64",
    "ino": "u64",
    "is_dynamic": "bool",
    "kept": "bool",
    "kind": "u32",
    "map": "u64",
    "maps": "u32",
    "misbehave": "u64",
    "moves": "u64",
    "nents": "u32",
    "offset": "u64",
    "old": "u32",
    "op": "u32",
    "passes": "u64",
    "peer2peer": "bool",
    "pgoff": "u64",
    "pins": "u32",
    "result": "u32",
    "ret": "int",
    "revocable": "bool",
    "seqno": "u64",
    "shape": "u32",
    "size": "u64",
    "state": "u32",
    "usage": "u32",
    "value": "u64",
    "vmaps": "u32",
}

#: Beside id and ino, which each of the exporter's has.
_OF_EXPORTER = {
    "dbr_alloc": "size flags faults shape fd",
    "dbr_export": "fd",
    "dbr_attach": "attach dev_name is_dynamic peer2peer revocable admitted ret",
    "dbr_detach": "attach dev_name pins",
    "dbr_pin": "attach dev_name pins",
    "dbr_unpin": "attach dev_name pins",
    "dbr_map": "attach dev_name dir nents moves maps",
    "dbr_unmap": "attach dev_name dir nents moves maps",
    "dbr_vmap": "vmaps",
    "dbr_vunmap": "vmaps",
    "dbr_mmap": "address size pgoff",
    "dbr_fault": "address pgoff result",
    "dbr_refused": "attach dev_name call ret",
    "dbr_state": "old state",
    "dbr_invalidate_begin": "",
    "dbr_invalidate_end": "",
    "dbr_zap": "",
    "dbr_fence_awaited": "context seqno ret",
    "dbr_fence_done": "context seqno ret",
    "dbr_give_back": "size kept",
    "dbr_move": "context seqno moves",
    "dbr_moved": "context seqno ret",
    "dbr_late": "attach dev_name call value",
}

#: Beside ino, attach and dev_name, which each of the importer's has.
_OF_IMPORTER = {
    "dbi_attach": "context kind flags engine misbehave ret",
    "dbi_detach": "",
    "dbi_pin": "ret",
    "dbi_unpin": "",
    "dbi_map": "map dir nents ret",
    "dbi_unmap": "map",
    "dbi_told_begin": "",
    "dbi_told_end": "",
    "dbi_fence_added": "context seqno usage",
    "dbi_job_queued": "context seqno map op offset size flags",
    "dbi_job_started": "context seqno map",
    "dbi_job_ended": "context seqno passes ret",
    "dbi_misbehave": "bug",
}

#: By system, then by event: its fields.
EVENTS = {
    EXPORTER: {
        event: ["id", "ino", *more.split()] for event, more in _OF_EXPORTER.items()
    },
    IMPORTER: {
        event: ["ino", "attach", "dev_name", *more.split()]
        for event, more in _OF_IMPORTER.items()
    },
}
