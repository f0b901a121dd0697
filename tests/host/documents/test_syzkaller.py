# SPDX-License-Identifier: GPL-2.0-only
"""docs/syzkaller says the same as the header: layouts, directions, numbers, flags."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.interface.abi import layout

from ..sample import REPOSITORY

HEADER = layout.HEADER
DESCRIPTION = REPOSITORY / "docs/syzkaller/dev_dmabuf_revoke.txt"
CONSTANTS = REPOSITORY / "docs/syzkaller/dev_dmabuf_revoke.txt.const"

SIZES = {"__u32": 4, "__s32": 4, "__u64": 8, "char": 1}
#: Resources and scalars of the description, in bytes.
WIDTHS = {
    "int8": 1,
    "int32": 4,
    "int64": 8,
    "ptr64": 8,
    "fd_dma_buf": 4,
    "fd_sync_file": 4,
    "fd_dmabuf_revoke_attachment": 4,
    "dmabuf_revoke_id": 8,
    "dmabuf_revoke_job": 8,
}
#: What is passed in by name, as a flag or an enum; all others are results or limits.
PASSED_IN = re.compile(
    r"DMABUF_REVOKE_(?:ALLOC|FAULTS?|REVOKE|QUERY|ATTACH|ENGINE|MISBEHAVE|SUBMIT|KIND|OP|SHAPE)_"
    r"|DMABUF_REVOKE_(?:BIDIRECTIONAL|TO_DEVICE|FROM_DEVICE)$"
)


class Member(NamedTuple):
    """Name, bytes of one element, elements as written, and who writes it."""

    name: str
    size: int
    array: str
    direction: str


Structs = dict[str, list[Member]]


def header_structs(text: str) -> Structs:
    """The structures with the [in] and [out] of their kernel-doc."""
    found: Structs = {}
    pattern = r"/\*\*\n \* struct \w+ - ((?:(?!\*/).)*)\*/\nstruct (\w+) \{\n(.*?)\n\};"
    for doc, name, body in re.findall(pattern, text, re.S):
        found[name] = []
        for line in body.splitlines():
            match = re.fullmatch(r"\t(?:struct )?(\w+) (\w+)(?:\[(\w+)\])?;", line)
            assert match, line
            kind, member, array = match.groups()
            direction = re.search(rf"@{member}: \[([a-z,]+)\]", doc)
            size = SIZES.get(kind) or total(found[kind])
            way = direction[1].replace(",", "") if direction else ""
            found[name].append(Member(member, size, array or "", way))
    return found


def total(members: list[Member]) -> int:
    """Bytes of a structure without arrays."""
    return sum(member.size for member in members)


def described_size(kind: str, known: Structs) -> tuple[int, str]:
    """Bytes of one element, and the elements, of a member's type in the description."""
    array = re.fullmatch(r"array\[(\w+), (\w+)\]", kind)
    if array:
        return WIDTHS[array[1]], array[2]
    inner = re.fullmatch(r"(?:flags|const|len|bytesize)\[\w+, (\w+)\]", kind)
    base = inner[1] if inner else kind.partition("[")[0]
    return WIDTHS.get(base) or total(known[base]), ""


def described_structs(text: str) -> Structs:
    found: Structs = {}
    for name, body in re.findall(r"^(\w+) \{\n(.*?)\n\}$", text, re.S | re.M):
        found[name] = []
        for line in body.splitlines():
            member, kind, *way = line.strip("\t").split("\t")
            size, array = described_size(kind, found)
            direction = way[0].strip("()") if way else ""
            found[name].append(Member(member, size, array, direction))
    return found


def differences(header: str, description: str) -> list[str]:
    """Where the two say different things about structures; nothing, if all is well."""
    ours, theirs = header_structs(header), described_structs(description)
    wrong = [
        f"{name}: only on one side" for name in sorted(ours.keys() ^ theirs.keys())
    ]
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name] != theirs[name]:
            wrong.append(f"{name}: {ours[name]} and {theirs[name]}")
    return wrong


def values(header: Path, names: set[str]) -> dict[str, int]:
    """What a compiler makes of the constants."""
    order = sorted(names)
    before = "#define _GNU_SOURCE\n#include <fcntl.h>\n"
    return dict(zip(order, layout.evaluate(header, order, before=before)))


def described_values(text: str) -> dict[str, int]:
    """The .const file, as far as it is the same on all architectures."""
    rows = re.findall(r"^(\w+) = (\d+)$", text, re.M)
    return {name: int(value) for name, value in rows}


def test_structures_are_those_of_the_header() -> None:
    header = HEADER.read_text()
    assert len(header_structs(header)) == len(re.findall(r"(?m)^struct \w+ \{", header))
    assert not differences(header, DESCRIPTION.read_text())


@pytest.mark.parametrize(
    "old, new",
    [
        ("\t__u64 moves;\n", ""),
        ("\t__u32 capacity;\n\t__u32 count;", "\t__u32 count;\n\t__u32 capacity;"),
        ("\t__u64 passes;", "\t__u32 passes;"),
        ("@moves: [out]", "@moves: [in]"),
        ("char name[DMABUF_REVOKE_NAME_LEN]", "char name[DMABUF_REVOKE_NAME_MAX]"),
        ("struct dmabuf_revoke_unmap", "struct dmabuf_revoke_unmap_all"),
    ],
)
def test_control_a_change_of_the_header_is_noticed(old: str, new: str) -> None:
    header = HEADER.read_text()
    assert old in header
    assert differences(header.replace(old, new), DESCRIPTION.read_text())


def test_every_ioctl_is_described_with_its_structure() -> None:
    header, description = HEADER.read_text(), DESCRIPTION.read_text()
    numbers = set(re.findall(r"^#define (DMABUF_REVOKE_IOC_\w+)\s+_IO\(", header, re.M))
    calls = re.findall(
        r"^ioctl\$(\w+)\(fd (\w+), cmd const\[(\w+)\], arg ptr\[inout, (\w+)\]\)$",
        description,
        re.M,
    )
    assert sorted(call[0] for call in calls) == sorted(numbers)
    for name, _, number, struct in calls:
        assert name == number
        wanted = re.search(rf"\* struct (\w+) - .*\b{number}\b", header)
        assert wanted and wanted[1] == struct


def test_every_flag_is_passed_in_somewhere() -> None:
    listed = set(re.findall(r"\bDMABUF_REVOKE_\w+", DESCRIPTION.read_text()))
    wanted = {
        name for name in layout.constants(HEADER.read_text()) if PASSED_IN.match(name)
    }
    assert not wanted - listed


def test_values_are_those_of_the_header() -> None:
    text = CONSTANTS.read_text()
    used = set(
        re.findall(r"\b(?:O|AT|DMABUF_REVOKE)_[A-Z0-9_]+\b", DESCRIPTION.read_text())
    )
    assert described_values(text) == values(HEADER, used)


def test_control_a_changed_value_is_noticed(tmp_path: Path) -> None:
    changed = tmp_path / "changed.h"
    old = "_IO(DMABUF_REVOKE_IOC_TYPE, 0x66)"
    assert old in HEADER.read_text()
    changed.write_text(HEADER.read_text().replace(old, old.replace("66", "6f")))
    name = "DMABUF_REVOKE_IOC_VUNMAP"
    (new,) = values(changed, {name}).values()
    assert described_values(CONSTANTS.read_text())[name] != new
