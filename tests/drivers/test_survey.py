# SPDX-License-Identifier: GPL-2.0-only
"""The judge on each driver that this guest has, beside the verdicts that are kept.

`make survey` keeps new ones, and makes docs/drivers.md of them.
"""
from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.devices.lib.function import DRIVER, find
from tests.devices.vfio.conftest import function
from tests.gates.counts import PATIENCE
from tests.lib import pci
from tests.lib.cases import program_directory

__all__ = ["function"]

KEPT = Path(__file__).parent / "verdicts"
IOMMUS = Path("/sys/class/iommu")

#: Whose verdicts the suite compares with those of now: it is what changes most often.
CHECKED = "7.3"

#: Seconds: each scenario has limits of its own, and none waits longer than some of them.
ENOUGH = 20 * PATIENCE

Row = dict[str, Any]


class Driver(NamedTuple):
    """What is judged, as what, by which program, with which options of the judge."""

    name: str
    side: str
    words: tuple[str, ...]
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    #: Scenarios that this guest would not survive; docs/findings/ has them.
    without: tuple[str, ...] = ()
    #: Why it is judged by the survey only, and last.
    apart: str = ""


LEGACY = ("--accept-legacy",)
IMPORTERS = (
    Driver("this project's, dynamic", "importer", ("import/ours",)),
    Driver("this project's, pinned", "importer", ("import/ours", "--kind", "pinned")),
)
APART = (
    Driver(
        "vgem",
        "importer",
        ("import/vgem",),
        LEGACY,
        ("vgem",),
        (),
        "it holds up each revoke, which takes minutes",
    ),
    Driver(
        "vivid, dma-contig",
        "importer",
        ("import/vivid",),
        LEGACY,
        ("vivid",),
        ("vmap-fails",),
        "a dma-buf that it could not import has a reference for ever, so that the exporter cannot"
        " be unloaded",
    ),
)
EXPORTERS = (
    Driver("this project's", "exporter", ("export/ours",)),
    Driver("system heap", "exporter", ("export/heap",)),
    Driver("udmabuf", "exporter", ("export/udmabuf",)),
    Driver("vgem", "exporter", ("export/vgem",), (), ("vgem",)),
    Driver("vivid, dma-contig", "exporter", ("export/vivid",), (), ("vivid",)),
)


def kernel_name() -> str:
    """As of the guests: the version, and whether there is an IOMMU."""
    version = ".".join(platform.release().split(".")[:2])
    behind = IOMMUS.is_dir() and any(IOMMUS.iterdir())
    return f"{version}-iommu" if behind else version


def kept(driver: Driver) -> Row | None:
    """What was said of it before, or nothing."""
    path = KEPT / f"{kernel_name()}.json"
    rows: list[Row] = json.loads(path.read_text("utf-8")) if path.exists() else []
    for row in rows:
        if (row["driver"], row["side"]) == (driver.name, driver.side):
            return row
    return None


def scenarios(driver: Driver) -> list[str]:
    """An option that leaves some out, where that is to be."""
    if not driver.without:
        return []
    words = ["dmabuf-revoke", f"test-{driver.side}", "--list", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    names = [row["scenario"] for row in json.loads(done.stdout)["scenarios"]]
    chosen = ",".join(name for name in names if name not in driver.without)
    return ["--scenario", chosen]


def best(document: Row, clause: Row) -> str:
    """Of all that led to a verdict on that clause: what the kernel says, or the first."""
    found = [
        row
        for row in document["findings"]
        if (row["clause"], row["verdict"]) == (clause["clause"], clause["verdict"])
    ]
    found.sort(key=lambda row: "the kernel's log" not in row["evidence"])
    return f"{found[0]['scenario']}: {found[0]['evidence']}"


def judge(driver: Driver) -> Row:
    """What the survey keeps of it."""
    verb = ["dmabuf-revoke", f"test-{driver.side}"]
    options = [*driver.options, *scenarios(driver)]
    program = str(program_directory() / "drivers" / driver.words[0])
    done = subprocess.run(
        [*verb, "--json", *options, "--", program, *driver.words[1:]],
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )
    assert done.returncode in (0, 1, 77), done.stderr
    document = json.loads(done.stdout)
    return {
        "driver": driver.name,
        "side": driver.side,
        "command": shlex.join([*verb, *driver.options, "--", *driver.words]),
        "kernel": platform.release(),
        "missing": "",
        "clauses": {
            row["clause"]: {"verdict": row["verdict"], "evidence": best(document, row)}
            for row in document["clauses"]
        },
    }


def those(row: Row, verdict: str) -> set[str]:
    return {name for name, is_ in row["clauses"].items() if is_["verdict"] == verdict}


def compare(driver: Driver) -> None:
    """Judge it; the verdicts are those that are kept, and are left for the survey to keep."""
    now = judge(driver)
    name = "".join(c if c.isalnum() else "_" for c in f"{driver.side}-{driver.name}")
    results = Path(os.environ.get("DBR_RESULTS", "."))
    text = json.dumps(now, indent=1, ensure_ascii=False)
    (results / f"survey-{name}.json").write_text(f"{text}\n", "utf-8")
    before = kept(driver)
    assert before, f"nothing is kept of it on {kernel_name()}: make survey keeps it"
    assert those(now, "FAIL") == those(before, "FAIL"), text
    # UNKNOWN is what a machine that stood still makes of anything.
    assert not those(before, "PASS") - those(now, "PASS") - those(now, "UNKNOWN"), text


@pytest.mark.parametrize(
    "driver",
    [*IMPORTERS, *EXPORTERS, *APART],
    ids=lambda driver: f"{driver.side}-{driver.name.replace(' ', '_')}",
)
def test_survey_warns_vmap(driver: Driver, request: pytest.FixtureRequest) -> None:
    surveyed = request.config.getoption("--survey")
    if kernel_name() != CHECKED and not surveyed:
        pytest.skip(f"the suite compares on {CHECKED}; make survey judges on others")
    if driver.apart and not surveyed:
        pytest.skip(f"make survey judges it, in a guest of its own: {driver.apart}")
    for fixture in driver.needs:
        request.getfixturevalue(fixture)
    compare(driver)


def test_survey_of_vfio_warns_vmap(function: pci.Function) -> None:
    """A BAR, for a device that asks for peer-to-peer."""
    with function.driven_by("vfio-pci"), find().driven_by(DRIVER) as peer:
        options = ("--device", peer.address, "--peer2peer", "--engine", "none")
        words = ("export/vfio", function.address)
        compare(Driver("vfio-pci", "exporter", words, options))
