# SPDX-License-Identifier: GPL-2.0-only
"""The binary interface in numbers, as a compiler sees it: tests/interface/abi/layout.txt.

    python3 tests/interface/abi/layout.py >tests/interface/abi/layout.txt

writes that file anew after something was added. A line has a constant and its value, a
structure and its size, or a member, its offset and its size. A structure with a hole is not
compiled. It takes a compiler and kernel headers, but no libc, so that -m32 works everywhere.
"""
from __future__ import annotations

import platform
import re
import struct
import subprocess
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
HEADER = TOP / "include/uapi/dmabuf_revoke.h"
RECORD = TOP / "tests/interface/abi/layout.txt"
#: Rises when a meaning changes: by it a program can tell.
VERSION = "DMABUF_REVOKE_ABI_VERSION"
#: Word sizes of programs that a compiler for this machine can make.
BITS = [64, 32] if platform.machine() == "x86_64" else [64]

#: By what a line is about: a value; a size; an offset and a size.
Layout = dict[str, list[int]]


def constants(text: str) -> list[str]:
    """Every constant of a header that is a number."""
    found = re.findall(r'^#define (DMABUF_REVOKE_\w+)\s+(?![\s"])', text, re.M)
    return found + re.findall(r"^\t(DMABUF_REVOKE_\w+)\s*=", text, re.M)


def members(text: str) -> dict[str, list[str]]:
    """The members of every structure of a header. ValueError for what is not understood."""
    found: dict[str, list[str]] = {}
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)\n\};", text, re.S | re.M):
        found[name] = []
        for line in body.splitlines():
            match = re.fullmatch(r"\t(?:struct )?\w+ (\w+)(?:\[\w+\])?;", line)
            if not match:
                raise ValueError(f"struct {name}: {line.strip()!r} is no plain member")
            found[name].append(match[1])
    if len(found) != len(re.findall(r"^struct \w+ \{", text, re.M)):
        raise ValueError("a structure does not end in a line of its own")
    return found


def evaluate(
    header: Path, expressions: list[str], bits: int = 64, before: str = ""
) -> list[int]:
    """What the compiler makes of each expression; ``before`` precedes the header.

    ValueError, with the compiler's words, for what cannot be compiled.
    """
    values = ",\n".join(f"(unsigned long long)({text})" for text in expressions)
    source = (
        f'{before}\n#pragma GCC diagnostic error "-Wpadded"\n#include "{header}"\n'
        f'__attribute__((section("all"))) const unsigned long long values[] = {{\n'
        f"{values}\n}};\n"
    )

    def run(*command: str, stdin: str = "") -> str:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{command[0]}: {done.stderr}")
        return done.stdout

    headers = f"/usr/include/{run('gcc', '-print-multiarch').strip()}"
    flags = [f"-m{bits}", "-std=gnu11", "-ffreestanding", "-idirafter", headers]
    with tempfile.TemporaryDirectory() as name:
        compiled, found = Path(name, "values.o"), Path(name, "values")
        run("gcc", *flags, "-xc", "-c", "-o", str(compiled), "-", stdin=source)
        run("objcopy", "-Obinary", "-jall", str(compiled), str(found))
        return list(struct.unpack(f"={len(expressions)}Q", found.read_bytes()))


def measure(header: Path, bits: int) -> Layout:
    """The layout of a header for programs of this word size."""
    text = header.read_text(encoding="ascii")
    parts: list[tuple[str, list[str]]] = [
        (name, [f"sizeof(struct {name})"]) for name in members(text)
    ]
    for name, inner in members(text).items():
        for member in inner:
            offset = f"__builtin_offsetof(struct {name}, {member})"
            size = f"sizeof(((struct {name} *)0)->{member})"
            parts.append((f"{name}.{member}", [offset, size]))
    parts += [(name, [name]) for name in constants(text)]
    flat = [expression for _, expressions in parts for expression in expressions]
    values = iter(evaluate(header, flat, bits))
    return {name: [next(values) for _ in group] for name, group in parts}


def write(layout: Layout) -> str:
    """The file for a layout, a line each, sorted."""
    lines = [
        " ".join([name, *(f"{n:#x}" if name.isupper() else str(n) for n in numbers)])
        for name, numbers in layout.items()
    ]
    return "".join(f"{line}\n" for line in sorted(lines))


def read(text: str) -> Layout:
    """The layout that such a file records."""
    rows = [line.split() for line in text.splitlines()]
    return {name: [int(number, 0) for number in numbers] for name, *numbers in rows}


def broken(old: Layout, new: Layout) -> list[str]:
    """What programs of ``old`` do not find in ``new`` as they know it.

    What is new does not matter to them. A structure may have grown if its first member is
    ``size``, by which the kernel tells; any other is part of one, of an array, or read().
    """
    wrong = []
    for name, numbers in old.items():
        if name == VERSION:
            continue
        seen = new.get(name)
        may_grow = f"{name}.size" in old
        if seen != numbers and not (may_grow and seen and seen > numbers):
            wrong.append(f"{name}: was {numbers}, is {seen}")
    return wrong


if __name__ == "__main__":
    print(write(measure(HEADER, 64)), end="")
