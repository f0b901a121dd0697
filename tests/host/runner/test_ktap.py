# SPDX-License-Identifier: GPL-2.0-only
"""Results as KTAP."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from guest.suite import check, ktap

JUNIT = b"""<testsuites><testsuite>
<testcase classname="tests.revoke.c" name="E8_second" />
<testcase classname="tests.revoke.c" name="E9_zap"><failure message="x">y</failure></testcase>
<testcase classname="tests.revoke.c" name="E9_zap"><error message="teardown" /></testcase>
<testcase classname="tests.revoke.c" name="E10"><error message="left behind" /></testcase>
<testcase classname="tests.foreign.c" name="heap">
 <skipped type="pytest.skip" message="no heap
 here" /></testcase>
<testcase classname="tests.test_x" name="a[#1]" />
<testcase classname="tests.test_x" name="b"><skipped type="pytest.xfail" message="known" />
</testcase>
</testsuite></testsuites>"""

KTAP = """KTAP version 1
1..3
  KTAP version 1
  1..3
  ok 1 E8_second
  not ok 2 E9_zap
  not ok 3 E10
not ok 1 tests.revoke.c
  KTAP version 1
  1..1
  ok 1 heap # SKIP no heap here
ok 2 tests.foreign.c # SKIP all of it
  KTAP version 1
  1..2
  ok 1 a[_1]
  ok 2 b # XFAIL known
ok 3 tests.test_x
"""


def test_programs_are_tests_with_subtests() -> None:
    assert ktap.from_junit(JUNIT) == KTAP


def test_nothing_ran() -> None:
    assert ktap.from_junit(b"<testsuites/>") == "KTAP version 1\n1..0\n"


def test_what_is_no_junit_is_refused() -> None:
    with pytest.raises(ValueError, match="not a JUnit file"):
        ktap.from_junit(b"<testsuites>")


def test_numbers_are_those_of_the_plan() -> None:
    for indent in ("", "  "):
        lines = re.findall(rf"^{indent}(?:not )?ok (\d+)", KTAP, re.M)
        plans = re.findall(rf"^{indent}1\.\.(\d+)$", KTAP, re.M)
        assert len(lines) == sum(map(int, plans))


def test_it_stands_beside_the_junit_file(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_bytes(JUNIT)
    check.write_ktap(tmp_path)
    assert (tmp_path / "results.ktap").read_text() == KTAP


@pytest.mark.parametrize("junit", [None, b"<testsuites>"])
def test_of_an_earlier_run_nothing_stays(tmp_path: Path, junit: bytes | None) -> None:
    (tmp_path / "results.ktap").write_text(KTAP)
    if junit is not None:
        (tmp_path / "junit.xml").write_bytes(junit)
    check.write_ktap(tmp_path)
    assert not (tmp_path / "results.ktap").exists()
