# SPDX-License-Identifier: GPL-2.0-only
"""No file of a module uses one of a higher floor.

The main header of a module names its floors, from above, each a file. A file may use the
functions and the data of those below it. What goes up goes through what was given: a
callback, ops, a work item.
"""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..sample import REPOSITORY

MODULES = ["exporter", "importer"]

FLOORS = re.compile(r"Floors, from above: ([^.]*)\.")
NOISE = re.compile(
    r"/\*.*?\*/"  # comments
    r"|//[^\n]*"
    r'|"(?:\\.|[^"\\\n])*"'  # strings and characters
    r"|'(?:\\.|[^'\\\n])+'"
    r"|\b(?:struct|union|enum)\s+\w+\s*(?:;|(?=\{))",  # of types only
    re.S,
)
#: They begin in the first column, as does what is static.
WORDS = r"^(?!static\b|extern\b|typedef\b)(?:\w+[\s*]+)+"
FUNCTION = re.compile(WORDS + r"(\w+)\([^;{}]*\)\s*\{", re.M)
DATA = re.compile(WORDS + r"(\w+)(?:\[[^\]]*\])*\s*[=;]", re.M)
PROTOTYPE = re.compile(WORDS + r"(\w+)\([^;{}]*\);", re.M)
EXTERN = re.compile(r"^extern [^;]*?(\w+)(?:\[[^\]]*\])*;", re.M)
#: What a header has is used by whoever names it.
INLINE = re.compile(
    r"^static inline [^;{}(]*?(\w+)\([^;{}]*\)\s*\{(.*?)^\}", re.M | re.S
)
MACRO = re.compile(r"^#define (\w+)((?:.*\\\n)*.*)", re.M)
#: A name that is no member, and no type's.
NAME = re.compile(r"\b(?:struct|union|enum)\s+\w+|(?:\.|->)\s*\w+|(\w+)")


def read(path: Path) -> str:
    return NOISE.sub(" ", path.read_text(encoding="utf-8"))


def names(text: str) -> set[str]:
    return set(NAME.findall(text)) - {""}


class Module:
    """The sources of a module, without what they only say."""

    def __init__(self, folder: Path) -> None:
        said = FLOORS.search((folder / f"{folder.name}.h").read_text(encoding="utf-8"))
        assert said, f"{folder.name}.h names no floors"
        self.floors = re.findall(r"\w+", said[1])
        self.files = {
            path.stem: read(path)
            for path in folder.rglob("*.c")
            if not path.name.endswith(".mod.c")
        }
        self.headers = "".join(read(path) for path in folder.rglob("*.h"))
        self.home = {
            symbol: stem
            for stem, text in self.files.items()
            for symbol in FUNCTION.findall(text) + DATA.findall(text)
        }
        self.inlines = {
            name: names(body)
            for kind in (INLINE, MACRO)
            for name, body in kind.findall(self.headers)
        }

    def declared(self) -> set[str]:
        return {*PROTOTYPE.findall(self.headers), *EXTERN.findall(self.headers)}

    def used(self, stem: str) -> set[str]:
        """Through the headers' inline functions and macros, too."""
        seen: set[str] = set()
        left = names(self.files[stem])
        while left:
            seen |= left
            left = {n for name in left for n in self.inlines.get(name, ())} - seen
        return seen

    def upward(self) -> list[str]:
        height = {stem: -depth for depth, stem in enumerate(self.floors)}
        return [
            f"{stem}.c uses {symbol} of {self.home[symbol]}.c"
            for stem in self.floors
            for symbol in sorted(self.used(stem) & self.home.keys())
            if height[self.home[symbol]] > height[stem]
        ]


@pytest.mark.parametrize("module", MODULES)
def test_no_file_uses_one_above_it(module: str) -> None:
    assert Module(REPOSITORY / module).upward() == []


@pytest.mark.parametrize("module", MODULES)
def test_every_file_has_its_floor(module: str) -> None:
    sources = Module(REPOSITORY / module)
    assert sorted(sources.floors) == sorted(sources.files)


@pytest.mark.parametrize("module", MODULES)
def test_every_symbol_is_found(module: str) -> None:
    """What is not found could be used from anywhere."""
    sources = Module(REPOSITORY / module)
    assert len(sources.declared()) > 20
    assert sources.declared() - sources.home.keys() == set()


HEADER = """
/*
 * Floors, from above: top,
 * bottom.
 */
struct thing { int top_value; };
extern int top_data;
struct thing *top_call(struct thing *thing);
int bottom_call(void);
static inline int shared(void)
{
	return 2;
}
"""
TOP = """
int top_data = 1;
struct thing *
top_call(struct thing *thing)
{
	return bottom_call() ? thing : NULL;
}
"""
BOTTOM = """
int __init bottom_call(void)
{
	return BODY;
}
"""


def module(tmp_path: Path, body: str, header: str = "") -> Module:
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "sample.h").write_text(HEADER + header)
    (folder / "top.c").write_text(TOP)
    (folder / "bottom.c").write_text(BOTTOM.replace("BODY", body))
    return Module(folder)


@pytest.mark.parametrize(
    "body",
    ["shared()", "0 /* top_call() */", 'puts("top_call")', "thing->top_data(1)"],
    ids=["header", "comment", "string", "member"],
)
def test_what_goes_down_or_is_given_is_right(tmp_path: Path, body: str) -> None:
    sample = module(tmp_path, body)
    assert sample.home.keys() == sample.declared()
    assert sample.upward() == []


@pytest.mark.parametrize(
    "body, header, symbol",
    [
        ("!top_call(0)", "", "top_call"),
        ("start(top_call)", "", "top_call"),
        ("top_data", "", "top_data"),
        (
            "twice()",
            "static inline int once(void)\n{\n\treturn !top_call(0);\n}\n"
            "static inline int twice(void)\n{\n\treturn once() + once();\n}\n",
            "top_call",
        ),
        ("ASK(0)", "#define ASK(x)\t\\\n\ttop_call(x)\n", "top_call"),
    ],
    ids=["call", "address", "data", "inline", "macro"],
)
def test_control_what_goes_up_is_noticed(
    tmp_path: Path, body: str, header: str, symbol: str
) -> None:
    sample = module(tmp_path, body, header)
    assert sample.upward() == [f"bottom.c uses {symbol} of top.c"]
