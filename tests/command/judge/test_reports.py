# SPDX-License-Identifier: GPL-2.0-only
"""Reports of what really happened: of an importer that is right, and of one that does not unmap."""
from __future__ import annotations

import json
import os
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from ..run import COMMAND, no_process_left, run
from ..watch.recording import nothing_left
from .verdicts import OURS

__all__ = ["no_process_left", "nothing_left"]  # fixtures

#: Unmaps when it is closed, and not before.
WRONG = """
import fcntl, os, struct
importer = os.open("/dev/dmabuf-revoke/importer", os.O_RDWR)
fd, control = (int(os.environ["DMABUF_REVOKE_" + name]) for name in ("FD", "CONTROL"))
attach = bytearray(struct.pack("=2IiIiI3Q", 48, 0, fd, 0, 0, os.O_CLOEXEC, 0, 2, 0))
fcntl.ioctl(importer, 0xDB41, attach)
attachment = struct.unpack("=2IiIiI3Q", attach)[4]
fcntl.ioctl(attachment, 0xDB60, bytearray(struct.pack("=4I", 16, 0, 0, 0)))
print("it is mapped, and stays so", flush=True)
os.write(control, b"done 0\\n")
while os.read(control, 16):
    os.write(control, b"done 19\\n")
"""
PROGRAMS = {"right": [OURS], "wrong": [sys.executable, "-c", WRONG]}
#: The unmap never comes, however long it is waited for.
LIMITS: dict[str, list[str]] = {
    "right": [],
    "wrong": ["--limit", "fence=500ms,unmap=500ms"],
}
SENTENCE = "it claims to be revocable and is not"


def judge(program: str, *options: str) -> str:
    words = ["test-importer", "--scenario", "revoke-mapped,revoke-busy", *options]
    words += LIMITS[program]
    status = int(program == "wrong")
    return run(*words, "--", *PROGRAMS[program], status=status).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_json_and_files(program: str, tmp_path: Path) -> None:
    junit, svg, tracks = (tmp_path / name for name in ("j.xml", "p.svg", "p.json"))
    files = ["--junit", str(junit), "--svg", str(svg), "--perfetto", str(tracks)]
    document = json.loads(judge(program, "--json", *files))
    wrong = program == "wrong"
    assert document["kernel"] == os.uname().release
    assert document["judged"] == "importer"
    assert document["program"] == PROGRAMS[program] and document["cut_short"] is None
    found = {row["clause"]: row["verdict"] for row in document["clauses"]}
    assert found["I4"] == ("FAIL" if wrong else "PASS")
    failed = [row for row in document["findings"] if row["verdict"] == "FAIL"]
    assert bool(failed) == wrong
    for row in failed:
        assert row["clause"] == "I4" and SENTENCE in row["evidence"]
        assert " invalidate " in row["details"] and " map " in row["details"]
        assert "it is mapped, and stays so" in row["details"]
    suites = list(xml.parse(junit).getroot())
    assert [each.attrib["name"] for each in suites] == ["revoke-mapped", "revoke-busy"]
    assert len(list(xml.parse(junit).iter("failure"))) == 2 * wrong
    drawn = "".join(xml.parse(svg).getroot().itertext())
    assert "dmabuf_revoke_exporter" in drawn and "mapped" in drawn
    assert len(json.loads(tracks.read_text())["traceEvents"]) > 10


@pytest.mark.parametrize("program", PROGRAMS)
def test_ktap(program: str) -> None:
    lines = judge(program, "--ktap").splitlines()
    wrong = program == "wrong"
    results = [line for line in lines if re.match(r" *(not )?ok ", line)]
    assert lines[:2] == ["KTAP version 1", "1..2"]
    assert [line for line in results if line[0] != " "] == [
        f"{'not ' * wrong}ok 1 revoke-mapped",
        f"{'not ' * wrong}ok 2 revoke-busy",
    ]
    assert len([line for line in results if re.search(r"^  not ok \d+ I4$", line)]) == (
        2 * wrong
    )


def test_people_are_told_why_and_what_to_do() -> None:
    lines = judge("wrong").splitlines()
    assert re.match(r"FAIL: 1 of \d+ clauses: I4", lines[-1])
    at = lines.index("FAIL I4 in revoke-mapped")
    assert lines[at + 1].startswith(f"  {SENTENCE}")
    rest = lines[at : lines.index("FAIL I4 in revoke-busy")]
    assert "  how to mend it: docs/judging/clauses.md#i4" in rest
    assert re.match(r"PASS: \d+ of \d+ clauses", judge("right").splitlines()[-1])


def test_events_are_those_of_the_buffer_alone() -> None:
    """Whatever others do meanwhile, the evidence is of what is judged."""
    other = f"{COMMAND} alloc 4k -- {COMMAND} demo >/dev/null; exec {OURS}"
    words = ["test-importer", "--scenario", "revoke-mapped", "--json"]
    document = json.loads(run(*words, "--", "sh", "-c", other, status=0).stdout)
    assert "FAIL" not in {row["verdict"] for row in document["clauses"]}
