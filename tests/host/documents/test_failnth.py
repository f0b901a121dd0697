# SPDX-License-Identifier: GPL-2.0-only
"""Every ioctl of the header has a case in which each of its allocations fails once."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.failnth import points
from tests.lib import stepper
from guest.settings import Limits

from ..sample import REPOSITORY

HEADER = REPOSITORY / "include/uapi/dmabuf_revoke.h"
DOCUMENT = REPOSITORY / "docs/testing/failnth.md"


def ioctls() -> list[str]:
    text = HEADER.read_text(encoding="utf-8")
    return re.findall(r"^#define DMABUF_REVOKE_IOC_(\w+)\s+_IO", text, re.M)


def calls() -> set[str]:
    """The names that the cases report."""
    names: set[str] = set()
    folders = [REPOSITORY / "tests/failnth", REPOSITORY / "tests/devices"]
    for file in sorted(path for folder in folders for path in folder.glob("*.c")):
        text = file.read_text(encoding="ascii")
        names.update(re.findall(r'\bfails_at_\w+\(\s*"(\w+)"', text))
        names.update(re.findall(r'\beach_load_fails\("\w+", "(\w+)"', text))
    return names


@pytest.mark.parametrize("ioctl", ioctls())
def test_every_ioctl_has_a_case(ioctl: str) -> None:
    assert any(re.match(rf"{ioctl}(_|$)", call) for call in calls()), calls()


def test_the_document_has_a_row_for_every_call() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.M)
    assert sorted(rows) == sorted(calls())


def test_what_the_cases_found_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(points.VARIABLE, raising=False)
    assert not list(points.report())
    monkeypatch.setenv(points.VARIABLE, str(tmp_path))
    assert not list(points.report())
    (tmp_path / "MAP").write_text("4 9\n")
    (tmp_path / "WAIT").write_text("2 0\n")
    rows = [line.split() for line in points.report()]
    assert rows[1:] == [
        ["MAP", "13", "4", "9"],
        ["WAIT", "2", "2", "0"],
        ["all", "15", "6", "9"],
    ]


def test_no_case_may_take_longer_than_the_stepper_waits() -> None:
    """It would be killed in the middle, and what it has unloaded would stay so."""
    sources = [path.read_text() for path in (REPOSITORY / "tests").rglob("*.c")]
    limits = re.findall(r"(?:TIME_LIMIT\(|\.timeout = )(\d+)", "".join(sources))
    assert limits and max(map(int, limits)) < stepper.BASE_SILENCE
    assert stepper.BASE_SILENCE < Limits().silence, "or the guest is taken for lost"
