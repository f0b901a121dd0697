# SPDX-License-Identifier: GPL-2.0-only
"""The header against the record of its layout, and against older headers."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.interface.abi import layout

from ..sample import REPOSITORY

OLDER = sorted((REPOSITORY / "tests/interface/abi").glob("*.h"))
RECORD = layout.read(layout.RECORD.read_text())

each_word_size = pytest.mark.parametrize("bits", [64, 32])


def measure(header: Path, bits: int) -> layout.Layout:
    if bits not in layout.BITS:
        pytest.skip(f"no {bits}-bit programs on this architecture: x86_64 has them")
    return layout.measure(header, bits)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The header with another text in one place."""
    text = layout.HEADER.read_text()
    assert text.count(old) == 1, old
    header = tmp_path / "changed.h"
    header.write_text(text.replace(old, new))
    return header


@each_word_size
def test_layout_is_the_recorded_one(bits: int) -> None:
    wrong = layout.broken(RECORD, measure(layout.HEADER, bits))
    assert not wrong, "programs that were compiled before do not work any more"
    assert measure(layout.HEADER, bits) == RECORD, f"see {layout.__file__}"


def test_record_is_as_the_script_writes_it() -> None:
    assert layout.write(RECORD) == layout.RECORD.read_text()


@each_word_size
@pytest.mark.parametrize("header", OLDER, ids=[path.stem for path in OLDER])
def test_what_an_older_header_promised_still_holds(header: Path, bits: int) -> None:
    old = measure(header, bits)
    assert old.keys() <= RECORD.keys() and old != RECORD
    assert not layout.broken(old, RECORD)


#: Of ATTACH.
DELAY = "\t__u64 delay_ns;\n\tchar device"
CHANGES = {
    "type": ("\t__u32 capacity;\n\t__u32 changed;", "\t__u16 capacity, changed;"),
    "order": ("\t__u32 op;\n\t__s32 fence_fd;", "\t__s32 fence_fd;\n\t__u32 op;"),
    "inserted": (DELAY, f"\t__u64 last;\n{DELAY}"),
    "gone": (DELAY, "\tchar device"),
    "renamed": (DELAY, DELAY.replace("delay", "pause")),
    "embedded": ("\t__u64 give_back_ns;", "\t__u64 give_back_ns;\n\t__u64 more_ns;"),
    "array": ("_NAME_LEN\t48", "_NAME_LEN\t56"),
    "number": (
        "_IO(DMABUF_REVOKE_IOC_TYPE, 0x66)",
        "_IO(DMABUF_REVOKE_IOC_TYPE, 0x67)",
    ),
    "flag": ("MISBEHAVE_REVIVE\t\t(1ULL << 12)", "MISBEHAVE_REVIVE\t\t(1ULL << 14)"),
    "state": ("STATE_SUSPENDED\t= 4", "STATE_SUSPENDED\t= 5"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_control_a_change_breaks_programs(change: str, tmp_path: Path) -> None:
    try:
        seen = layout.measure(changed(tmp_path, *CHANGES[change]), 64)
    except ValueError as error:
        assert change == "type" and "no plain member" in str(error)
    else:
        assert layout.broken(RECORD, seen)


def test_control_a_longer_argument_is_no_break_but_not_the_recorded_one(
    tmp_path: Path,
) -> None:
    old = "\t__u32 engine;\n\t__u32 reserved;"
    header = changed(tmp_path, old, f"{old}\n\t__u64 later;")
    seen = layout.measure(header, 64)
    assert seen != RECORD
    assert not layout.broken(RECORD, seen)


@pytest.mark.parametrize(
    "member, kind, wrong",
    [
        (
            "duration_ns",
            "unsigned long",
            "dmabuf_revoke_submit.duration_ns: was [48, 8], is [48, 4]",
        ),
        ("ids", "void *", "dmabuf_revoke_list.ids: was [8, 8], is [8, 4]"),
    ],
)
def test_control_what_differs_for_32_bit_programs(
    member: str, kind: str, wrong: str, tmp_path: Path
) -> None:
    """For 64-bit programs nothing has changed."""
    header = changed(tmp_path, f"\t__u64 {member};", f"\tword {member};")
    header.write_text(f"typedef {kind} word;\n{header.read_text()}")
    assert measure(header, 64) == RECORD
    assert wrong in layout.broken(RECORD, measure(header, 32))


def test_control_a_hole_is_not_compiled(tmp_path: Path) -> None:
    header = changed(
        tmp_path, "\t__u32 checked;\n\t__u32 reserved;", "\t__u32 checked;"
    )
    with pytest.raises(ValueError, match="-Werror=padded"):
        layout.measure(header, 64)
