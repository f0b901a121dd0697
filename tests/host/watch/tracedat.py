# SPDX-License-Identifier: GPL-2.0-only
"""A trace.dat as trace-cmd writes them (version 6), of events that a test has made up."""
from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

PAGE = 4096
HARD_INTERRUPT, SOFT_INTERRUPT = 0x08, 0x10

EXPORTER = "dmabuf_revoke_exporter"
IMPORTER = "dmabuf_revoke_importer"
PROBES = "dmabuf_revoke_watch_77_4026531836"

Value = int | str

_HEADER_PAGE = """\
\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;
"""
_HEADER_EVENT = """\
# compressed entry header
\ttype_len    :    5 bits
\ttime_delta  :   27 bits
\tarray       :   32 bits

\tpadding     : type == 29
\ttime_extend : type == 30
\ttime_stamp : type == 31
\tdata max type_len  == 28
"""
_COMMON = """\
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;
"""


@dataclass
class Kind:
    """An event: its number, and what its fields are called, text those that end with $."""

    system: str
    name: str
    number: int
    fields: tuple[str, ...]

    def format(self) -> str:
        text = f"name: {self.name}\nID: {self.number}\nformat:\n{_COMMON}\n"
        for i, name in enumerate(self.fields):
            kind, size = ("__data_loc char[]", 4) if name[-1] == "$" else ("u64", 8)
            text += (
                f"\tfield:{kind} {name.rstrip('$')};\toffset:{8 + 8 * i};"
                f"\tsize:{size};\tsigned:0;\n"
            )
        return text + '\nprint fmt: "nothing"\n'

    def pack(self, flags: int, pid: int, values: dict[str, Value]) -> bytes:
        data = struct.pack("<HBBi", self.number, flags, 0, pid)
        texts = b""
        first = 8 + 8 * len(self.fields)
        for name in self.fields:
            value = values.pop(name.rstrip("$"), "" if name[-1] == "$" else 0)
            if isinstance(value, str):
                text = value.encode() + b"\0"
                place = (first + len(texts)) | len(text) << 16
                data += struct.pack("<II", place, 0)
                texts += text
            else:
                data += struct.pack("<Q", value % 2**64)
        assert not values, values
        return data + texts + bytes(-len(texts) % 4)


@dataclass
class Trace:
    """Events of one CPU, in order."""

    kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)
    entries: list[tuple[int, bytes]] = field(default_factory=list)
    comms: dict[int, str] = field(default_factory=dict)

    def kind(self, system: str, name: str, fields: str) -> None:
        number = 300 + len(self.kinds)
        self.kinds[system, name] = Kind(system, name, number, tuple(fields.split()))

    def add(
        self,
        time: int,
        system: str,
        name: str,
        pid: int = 1,
        flags: int = 0,
        **values: Any,
    ) -> None:
        packed = self.kinds[system, name].pack(flags, pid, values)
        self.entries.append((time, packed))

    def _pages(self) -> bytes:
        """A page for each: of sizes that matter to nobody."""
        pages = b""
        for time, data in self.entries:
            # Beyond that the length has a word of its own, and counts it.
            short = len(data) <= 28 * 4
            head = [len(data) // 4] if short else [0, len(data) + 4]
            entry = struct.pack(f"<{len(head)}I", *head) + data
            page = struct.pack("<QQ", time, len(entry)) + entry
            pages += page + bytes(PAGE - len(page))
        return pages

    def _formats(self) -> bytes:
        systems: dict[str, list[Kind]] = {}
        for kind in self.kinds.values():
            systems.setdefault(kind.system, []).append(kind)
        data = struct.pack("<I", len(systems))
        for system, kinds in systems.items():
            data += system.encode() + b"\0" + struct.pack("<I", len(kinds))
            for kind in kinds:
                data += _sized("<Q", kind.format())
        return data

    def pack(self) -> bytes:
        comms = "".join(f"{pid} {comm}\n" for pid, comm in self.comms.items())
        head = b"\x17\x08\x44tracing6\0" + struct.pack("<BBI", 0, 8, PAGE)
        head += b"header_page\0" + _sized("<Q", _HEADER_PAGE)
        head += b"header_event\0" + _sized("<Q", _HEADER_EVENT)
        head += struct.pack("<I", 0) + self._formats()
        head += _sized("<I", "") + _sized("<I", "") + _sized("<Q", comms)
        head += struct.pack("<I", 1) + b"options  \0" + struct.pack("<H", 0)
        head += b"flyrecord\0"
        first = -(-(len(head) + 16) // PAGE) * PAGE
        pages = self._pages()
        head += struct.pack("<QQ", first, len(pages))
        return head + bytes(first - len(head)) + pages


def _sized(form: str, text: str) -> bytes:
    return struct.pack(form, len(text)) + text.encode()


def ours() -> Trace:
    """With the events of both modules and of the kernel that watch reads, and none of them yet."""
    trace = Trace()
    who = "ino attach dev_name$"
    for name, fields in {
        "dbr_alloc": "ino size faults",
        "dbr_attach": f"{who} is_dynamic ret",
        "dbr_map": who,
        "dbr_unmap": who,
        "dbr_detach": who,
        "dbr_refused": f"{who} call$ ret",
        "dbr_invalidate_begin": "ino",
        "dbr_invalidate_end": "ino",
        "dbr_state": "ino old state",
    }.items():
        trace.kind(EXPORTER, name, fields)
    for name, fields in {
        "dbi_attach": f"{who} context kind ret",
        "dbi_map": f"{who} ret",
        "dbi_told_begin": who,
        "dbi_told_end": who,
        "dbi_fence_added": f"{who} context seqno usage",
    }.items():
        trace.kind(IMPORTER, name, fields)
    trace.kind("dma_fence", "dma_fence_signaled", "driver$ timeline$ context seqno")
    return trace


def life() -> Trace:
    """Of one of our buffers: two attach, one is refused; a fence, a revoke, another map."""
    trace = ours()
    trace.comms[1] = "tester"
    one: dict[str, Any] = {"ino": 7, "attach": 0xFFFF0100, "dev_name": "importer.1"}
    trace.add(1000, EXPORTER, "dbr_alloc", ino=7, size=8192)
    trace.add(1100, EXPORTER, "dbr_attach", is_dynamic=1, **one)
    trace.add(1110, IMPORTER, "dbi_attach", context=40, **one)
    trace.add(
        1200, EXPORTER, "dbr_refused", ino=7, call="attach", ret=-95, dev_name="vgem"
    )
    trace.add(1300, EXPORTER, "dbr_map", **one)
    trace.add(1310, IMPORTER, "dbi_map", **one)
    trace.add(1400, IMPORTER, "dbi_fence_added", context=40, seqno=1, usage=3, **one)
    trace.add(2000, EXPORTER, "dbr_state", ino=7, state=1)
    trace.add(2010, EXPORTER, "dbr_invalidate_begin", ino=7)
    trace.add(2020, IMPORTER, "dbi_told_begin", **one)
    trace.add(
        2100,
        "dma_fence",
        "dma_fence_signaled",
        pid=9,
        driver="d",
        timeline="t",
        context=40,
        seqno=1,
    )
    trace.add(2200, EXPORTER, "dbr_unmap", **one)
    trace.add(2210, IMPORTER, "dbi_told_end", **one)
    trace.add(2220, EXPORTER, "dbr_invalidate_end", ino=7)
    trace.add(2300, EXPORTER, "dbr_refused", call="map", ret=-19, **one)
    trace.add(2310, IMPORTER, "dbi_map", **{**one, "ret": -19})
    trace.add(2400, EXPORTER, "dbr_detach", **one)
    return trace
