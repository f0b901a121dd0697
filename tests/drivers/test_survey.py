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

from tests.command.judge.tracepoints import tracepoints_held
from tests.devices.lib.function import DRIVER, find
from tests.devices.vfio.conftest import function
from tests.gates.counts import PATIENCE
from tests.lib import pci
from tests.lib.cases import program_directory

__all__ = ["function", "tracepoints_held"]

KEPT = Path(__file__).parent / "verdicts"
IOMMUS = Path("/sys/class/iommu")

#: On which the suite compares the verdicts with those of now: what changes most often.
CHECKED = ("7.3", "7.3-iommu")

#: Seconds: each scenario has limits of its own, and none waits longer than some of them.
ENOUGH = 40 * PATIENCE

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
#: What is left is waited for to the end of that, in each scenario; the default is 50 s here.
SHORT = ("--limit", "end=3s")
LEAKS = (
    "a dma-buf that it could not import has a reference for ever, so that the exporter cannot be"
    " unloaded"
)
IMPORTERS = (
    Driver("this project's, dynamic", "importer", ("import/ours",)),
    Driver("this project's, pinned", "importer", ("import/ours", "--kind", "pinned")),
    Driver(
        "virtio-gpu", "importer", ("import/screen", "virtio_gpu"), (), ("virtio_gpu",)
    ),
    Driver("vgem", "importer", ("import/vgem",), LEGACY, ("vgem",)),
    Driver("bochs", "importer", ("import/screen", "bochs-drm"), LEGACY, ("bochs",)),
)
APART = (
    Driver(
        "vivid, dma-contig",
        "importer",
        ("import/vivid",),
        (*LEGACY, *SHORT),
        ("vivid",),
        ("vmap-fails",),
        LEAKS,
    ),
)
EXPORTERS = (
    Driver("this project's", "exporter", ("export/ours",)),
    Driver("system heap", "exporter", ("export/heap",)),
    Driver("udmabuf", "exporter", ("export/udmabuf",)),
    Driver("vgem", "exporter", ("export/dumb", "vgem"), (), ("vgem",)),
    Driver("bochs", "exporter", ("export/dumb", "bochs-drm"), (), ("bochs",)),
    Driver("qxl", "exporter", ("export/dumb", "qxl"), (), ("qxl",)),
    Driver(
        "virtio-gpu", "exporter", ("export/dumb", "virtio_gpu"), (), ("virtio_gpu",)
    ),
    Driver("vivid, dma-contig", "exporter", ("export/vivid",), (), ("vivid",)),
)


def has_iommu() -> bool:
    return IOMMUS.is_dir() and any(IOMMUS.iterdir())


def kernel_name() -> str:
    """As of the guests; elsewhere nothing is kept."""
    return os.environ.get("DBR_KERNEL", platform.release())


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


def judged(driver: Driver) -> list[Row]:
    """The document's clauses, each with its best evidence."""
    words = ["dmabuf-revoke", f"test-{driver.side}", "--json", *driver.options]
    program = str(program_directory() / "drivers" / driver.words[0])
    done = subprocess.run(
        [*words, *scenarios(driver), "--", program, *driver.words[1:]],
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )
    assert done.returncode in (0, 1, 77), done.stderr
    document = json.loads(done.stdout)
    return [
        {**row, "evidence": best(document, row).replace(f"{program} ", "the program ")}
        for row in document["clauses"]
    ]


def keep(driver: Driver, clauses: list[Row], missing: str = "") -> Row:
    """What the survey keeps of it, left for it among the results."""
    verb = ["dmabuf-revoke", f"test-{driver.side}", *driver.options]
    row = {
        "driver": driver.name,
        "side": driver.side,
        "command": shlex.join([*verb, "--", *driver.words]),
        "kernel": platform.release(),
        "missing": missing,
        "clauses": {
            clause["clause"]: {name: clause[name] for name in ("verdict", "evidence")}
            for clause in clauses
        },
    }
    name = "".join(c if c.isalnum() else "_" for c in f"{driver.side}-{driver.name}")
    if results := os.environ.get("DBR_RESULTS"):
        text = json.dumps(row, indent=1, ensure_ascii=False)
        Path(results, f"survey-{name}.json").write_text(f"{text}\n", "utf-8")
    return row


def those(row: Row, verdict: str) -> set[str]:
    return {name for name, is_ in row["clauses"].items() if is_["verdict"] == verdict}


def compare(now: Row, before: Row | None) -> None:
    """The verdicts are those that are kept."""
    text = json.dumps(now, indent=1, ensure_ascii=False)
    assert before, f"nothing is kept of it on {kernel_name()}: make survey keeps it"
    # UNKNOWN is what a machine that stood still makes of anything.
    unknown = those(now, "UNKNOWN")
    assert not those(now, "FAIL") - those(before, "FAIL"), text
    for verdict in ("FAIL", "PASS"):
        assert not those(before, verdict) - those(now, verdict) - unknown, text


def survey(driver: Driver, request: pytest.FixtureRequest) -> None:
    """Judge it. It is the survey that says what has changed, else the suite does."""
    surveyed = request.config.getoption("--survey")
    if kernel_name() not in CHECKED and not surveyed:
        pytest.skip("the suite compares on 7.3; make survey judges on others")
    if driver.apart and not surveyed:
        pytest.skip(f"make survey judges it, in a guest of its own: {driver.apart}")
    try:
        for fixture in driver.needs:
            request.getfixturevalue(fixture)
    except pytest.skip.Exception as lacks:
        keep(driver, [], str(lacks))
        raise
    now = keep(driver, judged(driver))
    if not surveyed:
        compare(now, kept(driver))


@pytest.mark.parametrize(
    "driver",
    [*IMPORTERS, *EXPORTERS, *APART],
    ids=lambda driver: f"{driver.side}-{driver.name.replace(' ', '_')}",
)
def test_survey_warns_vmap(driver: Driver, request: pytest.FixtureRequest) -> None:
    if has_iommu():
        pytest.skip(
            "an IOMMU makes no difference to it: it is judged on a guest without"
        )
    survey(driver, request)


def test_survey_of_vfio_warns_vmap(
    function: pci.Function, request: pytest.FixtureRequest
) -> None:
    """A BAR, for a device that asks for peer-to-peer."""
    with function.driven_by("vfio-pci"), find().driven_by(DRIVER) as peer:
        options = ("--device", peer.address, "--peer2peer", "--engine", "iova")
        words = ("export/vfio", function.address)
        survey(Driver("vfio-pci", "exporter", words, options), request)
