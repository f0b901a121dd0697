# SPDX-License-Identifier: GPL-2.0-only
"""Kernels of our own: their configuration, the guests that share the suite, the coverage."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gates import detectors
from tests.lib import shard
from guest import kernels
from guest.kernel import kbuild
from guest.kernels.arch import ALL, AMD64, ARM64
from guest.suite import check, coverage, runs
from guest.suite.coverage import Counts, Line
from guest.errors import RunnerError
from guest.settings import Machine, Settings

from ..sample import REPOSITORY

BUILT = [kernel for kernel in kernels.TABLE.values() if kernel.fragments]
CONFIG = """
CONFIG_KASAN=y
# CONFIG_EXPERT is not set
CONFIG_LOCALVERSION="-dbg"
CONFIG_HZ=250
"""


@pytest.mark.parametrize(
    "asked, wrong",
    [
        ("CONFIG_KASAN=y\n# CONFIG_EXPERT is not set\n", []),
        ('CONFIG_LOCALVERSION="-dbg"\nCONFIG_HZ=250\n', []),
        ("# CONFIG_OF_ANOTHER_MACHINE is not set\n", []),
        ("# a remark, CONFIG_KASAN=n\n", []),
        ("CONFIG_KASAN=m\n", ["CONFIG_KASAN: m asked for, y came out"]),
        ("CONFIG_KCOV=y\n", ["CONFIG_KCOV: y asked for, n came out"]),
        (
            "# CONFIG_KASAN is not set\nCONFIG_HZ=1000\n",
            [
                "CONFIG_KASAN: n asked for, y came out",
                "CONFIG_HZ: 1000 asked for, 250 came out",
            ],
        ),
    ],
)
def test_a_symbol_that_did_not_come_out_is_named(asked: str, wrong: list[str]) -> None:
    assert kbuild.compare(asked, CONFIG) == wrong


def test_no_symbol_is_asked_for_twice() -> None:
    """What every guest needs is guest.config's; each fragment has what is its own."""
    for kernel in BUILT:
        lines = [
            name
            for line in kbuild.configuration(kernel).splitlines()
            for name in kbuild.symbols(line)
        ]
        assert sorted(lines) == sorted(set(lines))


def test_each_architecture_has_its_own_beside_the_detectors() -> None:
    asked = {
        arch: kbuild.symbols(kbuild.configuration(kernels.debug(arch))) for arch in ALL
    }
    assert (
        "CONFIG_INTEL_IOMMU" in asked[AMD64]
        and "CONFIG_INTEL_IOMMU" not in asked[ARM64]
    )
    assert "CONFIG_ARM64" in asked[ARM64] and "CONFIG_ARM64" not in asked[AMD64]
    for name in kbuild.symbols((kbuild.HERE / "debug.config").read_text()):
        assert asked[AMD64][name] == asked[ARM64][name]


def test_every_fragment_has_what_the_suite_relies_on() -> None:
    assert BUILT
    for kernel in BUILT:
        symbols = kbuild.symbols(kbuild.configuration(kernel))
        for (
            name
        ) in "KASAN PROVE_LOCKING DEBUG_KMEMLEAK DMA_API_DEBUG GCOV_KERNEL".split():
            assert symbols[f"CONFIG_{name}"] == "y"
        assert symbols["CONFIG_EXPERT"] == "n"


def test_a_slow_kernel_gets_more_of_everything() -> None:
    slow = kernels.debug(AMD64)
    fast = kernels.lookup(kernels.DEFAULT)
    chosen = Settings(limits={"boot": 7.0}, machine=Machine(append="quiet"))
    assert chosen.limits_for(fast).total < chosen.limits_for(slow).total
    assert chosen.limits_for(slow).boot == 7.0
    assert chosen.machine_for(slow).append == f"{slow.append} quiet"
    assert chosen.machine_for(fast).append == "quiet"
    assert Settings(machine=Machine(memory="3G")).machine_for(slow).memory == "3G"


def test_shards_share_all_files_and_none_twice() -> None:
    weights = {"matrix.py": 200, "rights.py": 100, "a.c": 60, "b.c": 50, "c.c": 1}
    parts = [shard.chosen_files(weights, f"{n}/3") for n in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == sorted(weights)
    assert shard.chosen_files(weights, "1/1") == set(weights)
    loads = [sum(weights[name] for name in part) for part in parts]
    assert max(loads) == 200


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "-1/2"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NUMBER/OF"):
        shard.chosen_files({"a.c": 1}, text)


def test_guests_of_one_kernel_have_names_of_their_own() -> None:
    slow = kernels.debug(AMD64)
    names = [share.name for share in check.shares(slow)]
    assert len(set(names)) == slow.shards
    job = check.job(runs.Choice(), "2/2").script
    assert " --shard=2/2 " in job
    assert "--shard" not in check.job(runs.Choice()).script


def test_part_of_a_kernel_gives_way_to_a_choice() -> None:
    for kernel in kernels.TABLE.values():
        assert (
            f" -k '{kernel.part}' " in check.job(runs.Choice(), "", kernel.part).script
        )
        chosen = check.job(runs.Choice("E5"), "", kernel.part).script
        assert " -k E5 " in chosen and kernel.part not in chosen


SOURCE = "int f(int x)\n{\n\tif (x)\n\t\treturn 1;\n\treturn 0;\n}\n"


def report(*counts: int) -> str:
    lines = [
        {"line_number": number, "count": count}
        for number, count in zip((1, 3, 4, 5), counts)
    ]
    functions = [{"name": "g", "lineno": 40}, {"name": "f", "lineno": 1}]
    file = {"file": "exporter/f.c", "functions": functions, "lines": lines}
    return json.dumps({"files": [file]})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "exporter").mkdir()
    (tmp_path / "exporter/f.c").write_text(SOURCE)
    return tmp_path


MISSED = Line("exporter/f.c", "f", "return 1;")


def test_lines_that_did_not_run_are_named(tree: Path) -> None:
    counts = coverage.parse(report(9, 9, 0, 9), tree)
    assert counts.total == {"exporter/f.c": 4}
    assert counts.missed == [MISSED]
    assert counts.percent == 75.0
    assert [row.split() for row in counts.table()][1:] == [
        ["exporter/f.c", "4", "3", "75.0"],
        ["all", "4", "3", "75.0"],
    ]


def test_lines_of_the_same_text_are_told_apart(tree: Path) -> None:
    twice = SOURCE.replace("return 0;", "return 1;")
    (tree / "exporter/f.c").write_text(twice)
    counts = coverage.parse(report(9, 9, 9, 0), tree)
    assert [str(line) for line in counts.missed] == ["exporter/f.c: f: return 1; #2"]
    listed = coverage.known(f"[reason]\n{counts.missed[0]}\n")
    assert counts.missed == list(listed)
    assert coverage.judge(counts, {MISSED: "reason"})[0].startswith("not run")


def test_a_line_that_nobody_gave_a_reason_for_is_a_failure(tree: Path) -> None:
    counts = Counts({"exporter/f.c": 100}, [MISSED])
    assert coverage.judge(counts, {}) == [f"not run: {MISSED}"]
    assert not coverage.judge(counts, {MISSED: "cannot happen"})


def test_too_little_is_a_failure_whatever_the_reasons() -> None:
    counts = Counts({"exporter/f.c": 10}, [MISSED])
    assert coverage.judge(counts, {MISSED: "?"}) == [
        "90.0 % of the lines, 95 % are asked for"
    ]
    assert coverage.judge(Counts(), {})


def test_a_listed_line_that_runs_is_noticed(tree: Path) -> None:
    counts = coverage.parse(report(9, 9, 9, 9), tree)
    assert coverage.surplus(counts, {MISSED: "cannot happen"}) == [MISSED]


def test_the_list_of_lines_is_read() -> None:
    text = "# remark\n\n[no such device]\nexporter/f.c: f: return 1;\n"
    assert coverage.known(text) == {MISSED: "no such device"}
    for wrong in ("exporter/f.c: f: return 1;\n", "[reason]\nnothing of the kind\n"):
        with pytest.raises(RunnerError, match=coverage.UNREACHED):
            coverage.known(wrong)


def test_every_listed_line_is_there() -> None:
    """An edit that takes one away is not to leave it in the list."""
    for line in coverage.known((REPOSITORY / coverage.UNREACHED).read_text()):
        texts = (REPOSITORY / line.file).read_text().splitlines()
        assert line.text in [text.strip() for text in texts], line


def test_without_counts_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="check-debug"):
        coverage.collect(BUILT[0], Settings(), [tmp_path], tmp_path / "out")


KMEMLEAK = """\
unreferenced object 0xffff888101234560 (size 16):
  comm "swapper/0", pid 1, jiffies 4294667297
  hex dump (first 16 bytes):
    6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5  kkkkkkkkkkkkkkk.
unreferenced object 0xffff888101234580 (size 16):
  comm "revoke", pid 99, jiffies 4294700000 (age 9.1s)
  backtrace (crc 4f3d3d2f):
    kmalloc_noprof+0x1/0x2
"""


def test_only_leaks_since_the_start_count() -> None:
    old, new = detectors.younger(KMEMLEAK, 0)
    assert '"swapper/0"' in old and '"revoke"' in new and "backtrace" in new
    assert detectors.younger(KMEMLEAK, 4294700000) == [new]
    assert not detectors.younger(KMEMLEAK, 4294700001)
    assert not detectors.younger("", 0)


def test_a_leak_of_unknown_age_counts() -> None:
    (found,) = detectors.younger("unreferenced object 0xf (size 8):\n", 1 << 40)
    assert "size 8" in found
