# SPDX-License-Identifier: GPL-2.0-only
"""The programs under test are of the word size that was asked for (DBR_BITS)."""
from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest

from tests.command.run import COMMAND, run
from tests.lib.cases import program_directory, programs

NATIVE = struct.calcsize("P") * 8
#: e_ident[EI_CLASS]
CLASSES = {1: 32, 2: 64}


def word_size(program: Path) -> int:
    """Of an ELF file."""
    with program.open("rb") as file:
        head = file.read(5)
    assert head[:4] == b"\x7fELF", program
    return CLASSES[head[4]]


def test_programs_are_of_the_word_size_asked_for() -> None:
    paths = [program_directory() / name for name in programs()]
    seen = {str(path): word_size(path) for path in [*paths, Path(COMMAND)]}
    asked = int(os.environ.get("DBR_BITS", NATIVE))
    assert seen == dict.fromkeys(seen, asked)


def test_control_python_is_a_program_of_its_own_word_size() -> None:
    assert word_size(Path(sys.executable)) == NATIVE


def test_recorder_of_another_word_size_says_so() -> None:
    if word_size(Path(COMMAND)) == NATIVE:
        pytest.skip("the command is like the kernel: the guest 7.3-m32 has another one")
    done = run("watch", "--", "true", status=77)
    assert "watch: a program of 32 bits does not read" in done.stderr
