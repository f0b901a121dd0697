# SPDX-License-Identifier: GPL-2.0-only
"""The fuzzer's minimiser, and its table of errnos, which has to be the header's."""
from __future__ import annotations

import re

import pytest

from tests.random import shorten
from tests.random.shorten import Program

from .sample import REPOSITORY

HEADER = REPOSITORY / "include/uapi/dmabuf_revoke.h"
TABLE = REPOSITORY / "tests/random/lib/ops.c"

#: VUNMAP shares a structure, and thus its list, with VMAP.
NOT_OF_VUNMAP = {"EBUSY", "ENODEV", "EAGAIN"}
NOT_OF_VMAP = {"ENXIO"}
#: Needs a fatal signal: nobody sees it.
NOT_OF_ALLOC = {"EINTR"}


def needs(*words: str) -> shorten.Fails:
    """Fails if these words follow each other, on lines of their own."""

    def fails(program: Program) -> bool:
        rest = iter(program)
        return all(any(word in line.split() for line in rest) for word in words)

    return fails


NOISE = tuple(f"noise{i} a=1 b=r{i}" for i in range(300))


def test_only_what_it_takes_is_left() -> None:
    program = (*NOISE[:90], "alloc out=r2", *NOISE[90:], "revoke id=r2 ms=5")
    short = shorten.minimise(program, needs("alloc", "revoke"))
    assert short == ("alloc", "revoke")


def test_parameters_that_matter_stay() -> None:
    program = (*NOISE, "revoke on=r0 id=r2 deadline=5ms", *NOISE)
    short = shorten.minimise(program, needs("id=r2"))
    assert short == ("revoke id=r2",)


def test_values_become_plainer() -> None:
    def fails(program: Program) -> bool:
        return any(re.search(r"length=\w", line) for line in program)

    assert shorten.minimise(("alloc length=0x4000",), fails) == ("alloc length=1",)


def test_what_filled_another_slot_is_left_out() -> None:
    program = (
        "open out=r0",
        *NOISE,
        "alloc on=r0 out=r7",
        "export out=r9 id=r7",
        "free id=r9",
    )

    def fails(candidate: Program) -> bool:
        filled = re.findall(r"out=(r[79])", "\n".join(candidate))
        used = re.search(r"^free id=(r\d+)", candidate[-1])
        return bool(used and used[1] in filled and needs("out=r7")(candidate))

    assert shorten.minimise(program, fails) == ("alloc out=r7", "free id=r7")


@pytest.mark.parametrize("count", range(1, 12))
def test_no_line_that_is_left_can_be_left_out(count: int) -> None:
    words = [f"word{i}" for i in range(count)]
    program = tuple(line for word in words for line in (*NOISE[:20], word))
    assert shorten.minimise(program, needs(*words)) == tuple(words)


def test_what_does_not_fail_again_is_not_shortened() -> None:
    with pytest.raises(ValueError):
        shorten.minimise(NOISE, lambda program: False)


def test_no_program_is_run_twice_and_the_limit_holds() -> None:
    asked: list[Program] = []

    def fails(program: Program) -> bool:
        asked.append(program)
        return "noise7 a=1 b=r7" in program

    shorten.minimise(NOISE, fails, limit=25)
    assert len(asked) == len(set(asked)) <= 25


def listed(text: str) -> set[str]:
    """The errnos at the head of the entries below "Errors:"."""
    entries = text.partition("Errors:")[2]
    return {
        name
        for line in re.findall(r"^ \* {2,3}((?:E[A-Z0-9]+(?:, )?)+)\s", entries, re.M)
        for name in line.split(", ")
    }


def of_header() -> dict[str, set[str]]:
    """What the header lists for each structure of an ioctl."""
    text = HEADER.read_text(encoding="utf-8")
    found = {}
    for name, comment in re.findall(
        r"/\*\*\n \* struct dmabuf_revoke_(\w+) - ((?:(?!\*/).)*)\*/", text, re.S
    ):
        if "Errors:" in comment:
            found[name] = listed(comment)
    submit = found["submit"] | found["map"]
    found["submit"] = submit
    found["vunmap"] = found["vmap"] - NOT_OF_VUNMAP
    found["vmap"] -= NOT_OF_VMAP
    found["alloc"] -= NOT_OF_ALLOC
    return found


def of_every_ioctl() -> set[str]:
    text = HEADER.read_text(encoding="utf-8")
    head = text.partition("Errors that every ioctl can return")[2].partition("*/")[0]
    return set(re.findall(r"^ \*   (E\w+) ", head, re.M))


def of_table() -> tuple[set[str], dict[str, set[str]]]:
    text = TABLE.read_text(encoding="utf-8")
    every = re.search(r'every_ioctl\[\] = "([A-Z0-9 ]+)"', text)
    assert every
    found = re.findall(r'\bIOCTL\((\w+), \w+, \w+, \d+, \d+,\s+"([A-Z0-9 ]*)"', text)
    return set(every[1].split()), {name: set(names.split()) for name, names in found}


def test_the_executor_allows_the_errnos_of_the_header_and_no_others() -> None:
    every, table = of_table()
    header = of_header()
    assert every == of_every_ioctl()
    assert len(every) == 5 and len(table) == 22
    assert table.keys() == header.keys()
    # REVOKE's and others' that all ioctls have are said once more where it matters.
    assert {name: errnos - every for name, errnos in header.items()} == {
        name: errnos - every for name, errnos in table.items()
    }
