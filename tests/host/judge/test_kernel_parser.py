# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own parser of KTAP reads what the judge prints, and what the suite does."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from guest import kernels, settings
from guest.kernel import source
from guest.tree import cache

from ..runner.test_ktap import KTAP
from .show import Finding, show, shown
from .test_formats import FOUND, HOSTILE

__all__ = ["show"]  # a fixture

pytestmark = pytest.mark.whole

READER = """
import json, sys
import kunit_parser, kunit_printer
arguments = [sys.stdin.read().split(chr(10))]
if "printer" in kunit_parser.parse_run_tests.__code__.co_varnames:
    arguments.append(kunit_printer.stdout)
test = kunit_parser.parse_run_tests(*arguments)
def tree(test):
    return [test.name, test.status.name, [tree(each) for each in test.subtests]]
print("\\n" + json.dumps({"tests": tree(test), "errors": test.counts.errors}))
"""


@pytest.fixture(scope="module")
def parser(kernel: kernels.Kernel) -> Path:
    top = settings.cache_directory()
    with cache.locked(top, kernel.name):
        return source.parser(top, kernel)


def parsed(parser: Path, text: str) -> tuple[list[object], int]:
    """Names and statuses, and how many errors it has found."""
    done = subprocess.run(
        [sys.executable, "-c", READER],
        input=text,
        env={
            "PYTHONPATH": str(parser / "tools/testing/kunit"),
            "PYTHONIOENCODING": "utf-8",
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    return result["tests"][2], result["errors"]


def test_it_reads_the_judges(show: Path, parser: Path) -> None:
    tests, errors = parsed(parser, shown(show, "ktap", *FOUND).text)
    assert errors == 0
    assert tests == [
        [
            "revoke-mapped",
            "FAILURE",
            [
                ["I2", "SUCCESS", []],
                ["I4", "FAILURE", []],
                ["I8", "SKIPPED", []],
                ["LOG", "SUCCESS", []],
            ],
        ],
        ["move", "SKIPPED", [["I6", "SKIPPED", []]]],
        ["revoke-mapped.2", "FAILURE", [["I2", "FAILURE", []]]],
    ]


def line(text: str | bytes) -> bytes:
    return (text if isinstance(text, bytes) else text.encode()).replace(b"\n", b" ")


def test_nothing_that_a_program_prints_is_a_result(show: Path, parser: Path) -> None:
    for verdict in ("PASS", "FAIL", "SKIP"):
        for text in HOSTILE:
            found = Finding("x", "I4", verdict, line(text), text)
            tests, errors = parsed(parser, shown(show, "ktap", found).text)
            assert errors == 0, text
            status = {"PASS": "SUCCESS", "FAIL": "FAILURE", "SKIP": "SKIPPED"}[verdict]
            assert tests == [["x", status, [["I4", status, []]]]]


def test_it_reads_the_suites(parser: Path) -> None:
    tests, errors = parsed(parser, KTAP)
    assert errors == 0 and len(tests) == 3


def test_control_a_plan_that_is_not_kept_is_an_error(show: Path, parser: Path) -> None:
    text = shown(show, "ktap", *FOUND).text
    assert parsed(parser, text.replace("1..4", "1..5"))[1] > 0
