# SPDX-License-Identifier: GPL-2.0-only
"""A recording of our modules' trace events alone, of the demo in a guest: watch --own --json."""
from __future__ import annotations

import json
import re
from pathlib import Path

from .command import named, record, summary, watch


def test_it_reads_as_any_other(compiled: Path) -> None:
    (buffer,) = summary(compiled, named("own"))["buffers"]
    assert buffer["exporter"] == "dmabuf_revoke_exporter"
    assert (buffer["importers"], buffer["invalidations"]) == (3, 1)


def test_kinds_are_no_callbacks(compiled: Path) -> None:
    rows = summary(compiled, named("own"))["importers"]
    kinds = [(row["kind"], row.get("callback")) for row in rows]
    assert kinds == [
        ("not attached", None),
        ("dynamic", None),
        ("dynamic", None),
        ("dynamic, pinned", None),
    ]
    assert [row["told"] for row in rows] == [0, 1, 1, 1]
    assert not any(row["fences_guessed"] for row in rows)
    drawn = watch(compiled, named("own"), "--whole").stdout
    assert "callback revocable" not in drawn


def test_the_kind_of_an_importer(compiled: Path, tmp_path: Path) -> None:
    """Of buffers of others; the last one cannot be told."""
    kinds = ["dynamic", "pinned", "legacy-rdma", "legacy-static"]
    attach = {"what": "attach", "buffer": 1, "ours": 1}
    events = [
        {**attach, "time_ns": number, "attach": number, "name": kind}
        for number, kind in enumerate(kinds, 1)
    ]
    path = record(tmp_path / "kinds", *events)
    rows = summary(compiled, path)["importers"]
    assert [row["kind"] for row in rows] == ["dynamic"] * 3 + ["static"]


def test_access_that_is_refused_had_no_beginning(compiled: Path) -> None:
    """Only that a CPU's access was refused is said: not since when there was one."""
    ends = [line for line in named("own").read_text().splitlines() if "cpu_end" in line]
    assert [json.loads(line)["result"] for line in ends] == [-19]
    text = watch(compiled, named("own")).stdout
    assert not re.search(r"access \d", text) and "cpu_end: ENODEV" in text


def test_that_the_lock_is_not_known_is_said(compiled: Path) -> None:
    text = watch(compiled, named("own"), "--summary").stdout
    assert "who held the resv lock: no event of it was recorded" in text
