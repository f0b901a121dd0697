# SPDX-License-Identifier: GPL-2.0-only
"""dmabuf-revoke bench: that it measures what it says. What it costs is another matter."""
from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from .run import PAGE, SOON, facts, run

#: Enough for the least number of rounds.
AT_ONCE = ["--short", "--budget", "0"]
#: It makes thousands of buffers and attachments.
ALL_OF_IT = 5 * SOON
SIZES = {PAGE, 65536, 1 << 20}
FAULT_SLOW_MAP = 1 << 8
#: It blocks for 100 ms, by the clock of an emulator, which may be another than that of the bench.
SLOW_MAP_NS = 50_000_000
NODES = {
    "system heap": "/dev/dma_heap/system",
    "udmabuf": "/dev/udmabuf",
}
DMI = "/sys/class/dmi/id/product_version"

Row = dict[str, Any]


def bench(*arguments: str, **options: Any) -> dict[str, Any]:
    return facts("bench", *AT_ONCE, *arguments, limit=ALL_OF_IT, **options)


def picked(document: dict[str, Any], **expected: Any) -> list[Row]:
    rows: list[Row] = document["figures"]
    return [row for row in rows if expected.items() <= row.items()]


def there() -> set[str]:
    """Contenders that this kernel has without loading a module."""
    return {"ours"} | {name for name, node in NODES.items() if os.path.exists(node)}


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    return bench()


def test_every_group_has_its_figures(everything: dict[str, Any]) -> None:
    found = {(row["group"], row["parameter"]) for row in everything["figures"]}
    expected = {("revoke", name) for name in ("attachments", "bytes", "pages")}
    expected |= {(name, "bytes") for name in ("alloc", "attach", "mmap")}
    expected |= {("many", "buffers"), ("many", "attachments"), ("dma", "fences")}
    if (os.cpu_count() or 1) > 1:
        expected.add(("cpus", "cpus"))
    assert found == expected
    names = {row["object"] for row in everything["memory"]}
    assert names == {"buffer", "attachment", "mapped attachment"}


def test_figures_are_in_order(everything: dict[str, Any]) -> None:
    for row in everything["figures"]:
        assert row["times"] >= 5, row
        assert row["min_ns"] <= row["median_ns"] <= row["p99_ns"], row
        assert row["spread_ns"] <= row["p99_ns"] - row["min_ns"], row


def test_contenders_are_measured_at_every_size(everything: dict[str, Any]) -> None:
    for group in ("alloc", "attach", "mmap"):
        rows = picked(everything, group=group)
        known = {(row["contender"], row["value"]) for row in rows}
        assert {(name, size) for name in there() for size in SIZES} <= known, group


def test_phases_are_parts_of_the_revoke(everything: dict[str, Any]) -> None:
    for count in (1, 64):
        rows = picked(everything, group="revoke", parameter="attachments", value=count)
        least = {row["figure"]: row["min_ns"] for row in rows}
        phases = [least[name] for name in ("tell", "zap", "fences", "unmaps")]
        assert 0 < least["tell"] and sum(phases) < least["revoke"]


def test_memory_of_an_attachment_is_told(everything: dict[str, Any]) -> None:
    for row in everything["memory"]:
        assert 0 < row["bytes"] < 65536, row


def test_machine_is_described(everything: dict[str, Any]) -> None:
    machine = everything["machine"]
    assert machine["kernel"] == os.uname().release
    assert machine["cpu"] and machine["clock"] and machine["options"]
    assert machine["time"] in ("real", "emulated", "instructions")
    emulated = machine["hypervisor"] == "TCGTCGTCGTCG"
    assert emulated == (machine["time"] != "real")


def test_box_is_named(everything: dict[str, Any]) -> None:
    """An emulator's version is in it."""
    box = everything["machine"]["box"]
    if not os.path.exists(DMI):
        assert box is None
        return
    with open(DMI, encoding="ascii") as file:
        assert box.endswith(file.read().rstrip("\n"))


def test_groups_are_chosen_by_name() -> None:
    document = bench("mmap", "alloc")
    assert {row["group"] for row in document["figures"]} == {"alloc", "mmap"}
    assert document["memory"] == []


def test_missing_contenders_are_named() -> None:
    """Where they are missing anyway nothing has to be hidden."""
    script = 'mount -t tmpfs none /dev/dma_heap 2>/dev/null; exec "$@"'
    hide = ["unshare", "--mount", "sh", "-c", script, "sh"]
    document = bench("alloc", before=hide)
    rows = {row["name"]: row for row in document["contenders"]}
    assert rows["ours"]["there"] and not rows["system heap"]["there"]
    assert rows["system heap"]["error"] == "ENOENT"
    assert "CONFIG_DMABUF_HEAPS_SYSTEM=y" in rows["system heap"]["remedy"]
    measured = {row["contender"] for row in document["figures"]}
    assert "system heap" not in measured and "ours" in measured


def test_refused_sizes_are_named() -> None:
    """udmabuf has a limit of its own."""
    path = "/sys/module/udmabuf/parameters/size_limit_mb"
    if not os.path.exists(path):
        pytest.skip("no /dev/udmabuf: CONFIG_UDMABUF=y")
    with open(path, encoding="ascii") as file:
        before = file.read()
    try:
        subprocess.run(["sh", "-c", f"echo 0 >{path}"], check=True)
        skipped = bench("alloc")["skipped"]
    finally:
        subprocess.run(["sh", "-c", f"echo {before.strip()} >{path}"], check=True)
    rows = [row for row in skipped if row["contender"] == "udmabuf"]
    assert {row["value"] for row in rows} == SIZES
    assert rows[0]["reason"] == "EINVAL: raise size_limit_mb of udmabuf"


def test_too_few_descriptors_are_said() -> None:
    limit = ["prlimit", "--nofile=64:64", "setpriv", "--bounding-set=-sys_resource"]
    document = bench("many", before=[*limit, "--inh-caps=-sys_resource", "--"])
    assert document["figures"] == []
    assert "ulimit -n" in document["skipped"][0]["reason"]


def test_control_a_slow_map_shows() -> None:
    document = bench("attach", "--faults", str(FAULT_SLOW_MAP))
    assert document["machine"]["faults"] == FAULT_SLOW_MAP
    for row in picked(document):
        slow = row["min_ns"] >= SLOW_MAP_NS
        assert slow == (row["contender"] == "ours"), row


def test_for_people() -> None:
    lines = run("bench", *AT_ONCE, "alloc").stdout.splitlines()
    assert any(line.startswith("time is") for line in lines)
    heads = [line for line in lines if line.startswith("GROUP")]
    assert heads and heads[0].split()[:4] == ["GROUP", "FIGURE", "BY", "AT"]
    assert [line for line in lines if line.startswith("alloc") and " ours " in line]
