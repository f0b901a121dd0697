# SPDX-License-Identifier: GPL-2.0-only
"""The page for authors of drivers: its example compiles, its table has every program."""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ..sample import REPOSITORY

DRIVERS = REPOSITORY / "tests" / "drivers"
PAGE = (DRIVERS / "README.md").read_text(encoding="utf-8")

FLAGS = "-std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -DMINE_IMPORT=1 -DMINE_RUN=2"


def test_example_compiles_beside_the_header(tmp_path: Path) -> None:
    (example,) = re.findall(r"```c\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mine.c").write_text(example)
    (tmp_path / "protocol.h").write_text((DRIVERS / "protocol.h").read_text())
    command = ["gcc", *FLAGS.split(), "-o", "mine", "mine.c"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_table_has_every_program() -> None:
    rows = re.findall(r"^\| \[`(\w+/\w+)`\]\((\w+/\w+)\.c\)", PAGE, re.MULTILINE)
    there = {
        str(source.relative_to(DRIVERS).with_suffix(""))
        for source in DRIVERS.rglob("*.c")
    }
    assert all(text == target for text, target in rows)
    assert {text for text, _ in rows} == there
