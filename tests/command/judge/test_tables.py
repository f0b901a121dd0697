# SPDX-License-Identifier: GPL-2.0-only
"""What is written to tables of several sorts is compared: only what the sort explains is a FAIL."""
from __future__ import annotations

from pathlib import Path

import pytest

from ..run import no_process_left
from ..watch.recording import nothing_left
from .test_left_legal import python
from .verdicts import judge

__all__ = ["no_process_left", "nothing_left"]  # fixtures

#: Writes a word, again and again, to a part of the buffer.
HEAD = """
size = os.lseek(fd, 0, os.SEEK_END)
attachment = attach(0)
def fill(offset, length, word):
    job = bytearray(struct.pack("=3Ii6Q", 64, 0, 1, -1, offset, length, 0, word, 0, 0))
    fcntl.ioctl(attachment, 0xDB62, job)
    number = struct.unpack("=3Ii6Q", job)[9]
    result = bytearray(struct.pack("=2I2QiI4Q", 64, 0, number, 2**64 - 1, 0, 0, 0, 0, 0, 0))
    fcntl.ioctl(attachment, 0xDB63, result)
    return -struct.unpack("=2I2QiI4Q", result)[4]
"""
#: What it writes, or where, depends on the length.
LENGTH = "answer(lambda: fill(0, PAGE, size))"
OFFSET = "answer(lambda: fill(size - PAGE, PAGE, size - PAGE))"
FIRST = "answer(lambda: fill(0, min(size, 5 << 20) // 2, 7))"
#: Counts the length in 32 bits.
CUT = "answer(lambda: fill(0, size & 0xffffffff, 7))"
END = "\nos.read(control, 16)\n"


@pytest.mark.parametrize(
    "does", [LENGTH, OFFSET, FIRST], ids=["length", "offset", "5M"]
)
def test_what_depends_on_the_length_is_no_bug(does: str) -> None:
    verdicts = judge("--scenario", "beyond-4gib", program=python(HEAD + does + END))
    assert not verdicts.cells_of("FAIL"), verdicts.evidence("FAIL")
    assert "depends on how long the buffer is" in verdicts.evidence("UNKNOWN")


def test_length_that_is_cut_off_fails() -> None:
    """A control."""
    verdicts = judge("--scenario", "beyond-4gib", program=python(HEAD + CUT + END))
    assert verdicts.cells_of("FAIL") == {("beyond-4gib", "I12")}, verdicts.findings


#: So many pages each time that it is started; by the pages one sort of table looks like another one.
TIMES = """
with open(sys.argv[1], "ab+") as count:
    count.write(b"x")
    count.flush()
    pages = (PAGES)[(os.fstat(count.fileno()).st_size - 1) % 4]
answer(lambda: fill(0, pages * PAGE, 7))
"""


@pytest.mark.parametrize("pages,fails", [((1, 2, 1, 3), False), ((1, 2, 1, 2), True)])
@pytest.mark.parametrize("cell", [("fragmented", "I12"), ("bare-table", "I13")])
def test_other_pages_each_time_are_chance(
    cell: tuple[str, str], pages: tuple[int, ...], fails: bool, tmp_path: Path
) -> None:
    """As of who writes for a second. With the same ones each time it is the table."""
    text = HEAD + TIMES.replace("PAGES", str(pages)) + END
    program = python(text, str(tmp_path / "count"))
    verdicts = judge("--scenario", cell[0], program=program)
    expected = {cell} if fails else set()
    assert verdicts.cells_of("FAIL") == expected, verdicts.findings
