# SPDX-License-Identifier: GPL-2.0-only
"""The control of a debug kernel's detectors: when it is run, and what of it is remembered."""
from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from guest import kernels, settings
from guest.image import base as image
from guest.kernels.arch import AMD64
from guest.machine import session, vm
from guest.suite import check, provoke
from guest.suite.results import Totals

from ..sample import REPOSITORY

DEBUG = kernels.debug(AMD64)

PASSED = b"""<testsuites><testsuite tests="3" failures="0" errors="0" skipped="0">
<testcase name="a"/><testcase name="b"/><testcase name="c"/></testsuite></testsuites>"""
FAILED = PASSED.replace(
    b'<testcase name="a"/>',
    b"""<testcase name="a"><failure/>
</testcase>""",
).replace(b'failures="0"', b'failures="1"')


def groups() -> int:
    """How many guests tests/gates/provoke asks for."""
    path = REPOSITORY / "tests/gates/provoke/test_bugs.py"
    spec = importlib.util.spec_from_file_location("provocations", path)
    assert spec and spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return len(module.BOOTS)


def test_every_group_has_a_guest() -> None:
    assert provoke.BOOTS == [f"boot{n}" for n in range(1, groups() + 1)]


@pytest.fixture
def sources(tmp_path: Path) -> settings.Settings:
    for name in [*provoke.GATES, "provoke/main.c"]:
        path = tmp_path / "source/tests/gates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return settings.Settings(source=tmp_path / "source")


class Guests:
    """Stands for session.run: every guest ends with these results."""

    def __init__(self, junit: bytes, status: int = 0, lost: str = "") -> None:
        self.outcome = vm.Outcome(lost, status, {"junit.xml": junit})
        self.begun = 0

    def run(self, *_: object) -> vm.Outcome:
        self.begun += 1
        return self.outcome


def run(
    guests: Guests,
    chosen: settings.Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Totals:
    monkeypatch.setattr(image, "prepare", lambda top, kernel: tmp_path / "image")
    monkeypatch.setattr(session, "run", guests.run)
    results = tmp_path / "results"
    return provoke.run(DEBUG, chosen, results, "detectors", "")


def test_a_kernel_that_has_passed_is_not_asked_again(
    sources: settings.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    guests = Guests(PASSED)
    total = run(guests, sources, tmp_path, monkeypatch)
    assert guests.begun == len(provoke.BOOTS)
    assert total.good and total.passed == 3 * guests.begun
    assert provoke.known(DEBUG, sources) == total.passed


def test_it_is_asked_again_after_a_change_of_the_gates(
    sources: settings.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run(Guests(PASSED), sources, tmp_path, monkeypatch)
    (sources.source / "tests/gates" / provoke.GATES[0]).write_text("changed")
    assert not provoke.known(DEBUG, sources)


@pytest.mark.parametrize(
    "guests",
    [Guests(FAILED, status=1), Guests(b"", status=1), Guests(PASSED, lost="panic")],
    ids=["failed", "no_results", "lost"],
)
def test_what_was_not_noticed_is_not_remembered(
    guests: Guests,
    sources: settings.Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert not run(guests, sources, tmp_path, monkeypatch).good
    assert guests.begun == len(provoke.BOOTS)
    assert not provoke.known(DEBUG, sources)
