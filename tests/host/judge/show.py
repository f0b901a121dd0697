# SPDX-License-Identifier: GPL-2.0-only
"""The judge's formats, made of findings that a test gives."""
from __future__ import annotations

import os
import subprocess
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from ..sample import REPOSITORY


@dataclass(frozen=True)
class Finding:
    scenario: str
    clause: str
    verdict: str
    text: str | bytes = "it was seen"
    details: str | bytes = ""
    round: int = 1

    def encoded(self) -> bytes:
        scenario, clause, verdict, text, details, number = astuple(self)
        fields = [scenario, str(number), clause, verdict, text, details]
        return b"".join(
            (field if isinstance(field, bytes) else field.encode()) + b"\0"
            for field in fields
        )


@dataclass(frozen=True)
class Shown:
    status: int
    raw: bytes

    @property
    def text(self) -> str:
        """Strict: what is not UTF-8 is an error."""
        return self.raw.decode("utf-8")


def build(command: Path, out: Path, *flags: str, source: str = "show.c") -> Path:
    """A program with the objects of the command that was built in ``command``."""
    objects = [
        str(path)
        for path in (command / "tools").rglob("*.o")
        if path != command / "tools/main.o"
    ]
    known = ["smartcols", "zlib", "libtracefs", "libtraceevent", "libbpf"]
    # As tools/Makefile: another file stands for it where it is not known.
    if not subprocess.call(["pkg-config", "--exists", "libtracecmd"]):
        known.append("libtracecmd")
    libraries = subprocess.check_output(
        ["pkg-config", "--libs", *known], text=True
    ).split()
    subprocess.run(
        ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *flags]
        + [f"-I{REPOSITORY}/include/uapi", "-iquote", f"{REPOSITORY}/tools"]
        + [str(REPOSITORY / "tests/host/judge/lib" / source), *objects, *libraries]
        + ["-o", str(out)],
        check=True,
    )
    return out


def lives(pid: int) -> bool:
    """A process that was killed may be a zombie for a while."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


CHECKS = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"


@pytest.fixture(scope="package")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it was built, with the compiler's checks of addresses and of undefined behaviour."""
    top = tmp_path_factory.mktemp("command")
    make = ["make", "-s", f"-j{os.cpu_count()}", "-C", str(REPOSITORY / "tools")]
    subprocess.run([*make, f"BUILD={top}", f"CFLAGS={CHECKS}"], check=True)
    return top


@pytest.fixture(scope="module")
def show(command: Path) -> Path:
    return build(command, command / "show", *CHECKS.split())


def shown(program: Path, form: str, *findings: Finding, words: str = "p") -> Shown:
    done = subprocess.run(
        [str(program), form, *words.split()],
        input=b"".join(finding.encoded() for finding in findings),
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert not done.stderr, done.stderr.decode(errors="replace")
    return Shown(done.returncode, done.stdout)
