# SPDX-License-Identifier: GPL-2.0-only
"""Verbs that act on buffers which another process holds, one of them or several."""
from __future__ import annotations

import json
import mmap
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.lib import features, ioctls

from .run import (
    COMMAND,
    NOBODY,
    PAGE,
    Process,
    buffers,
    facts,
    held,
    hiding,
    no_process_left,
    run,
    wait_for,
    wait_until_gone,
)

__all__ = ["no_process_left"]  # a fixture

UNKNOWN = str(2**63)
QUARANTINE = 1 << 2
FAULT_NO_ZAP = 1 << 5


def place(buffer: dict[str, Any]) -> list[str]:
    """The options that name the descriptor which alloc or export holds."""
    return ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]


@contextmanager
def several(*kinds: list[str]) -> Iterator[list[dict[str, Any]]]:
    """A buffer of alloc for each list of options."""
    with ExitStack() as stack:
        yield [stack.enter_context(held("16k", *options))[0] for options in kinds]


@contextmanager
def streaming(buffer: dict[str, Any], kind: str) -> Iterator[Process]:
    """An importer that has the buffer mapped and a fence on it."""
    process = Process("attach", *place(buffer), "--kind", kind, "--stream")
    process.read_until(".*mapped.*")
    wait_for(buffer["id"], maps=1, fences=1)
    yield process
    process.end(signal.SIGTERM)


def by_id(document: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in document["buffers"]}


def state(buffer: dict[str, Any]) -> str:
    text: str = facts("show", str(buffer["id"]))["buffer"]["state"]
    return text


# Several


def test_revoke_several() -> None:
    with several([], []) as (first, second):
        ids = [first["id"], second["id"]]
        document = facts("revoke", *map(str, ids))
        assert list(by_id(document)) == ids
        for row in document["buffers"]:
            assert (row["state"], row["already"]) == ("revoked", False)
            assert row["error"] is None
        assert document["blockers"] == []
        out = run("revoke", *map(str, ids)).stdout
        assert re.search(rf"^ *{ids[0]} revoked yes", out, re.MULTILINE)


def test_revoke_begins_with_all_before_it_waits() -> None:
    """The second one is invalidated although the first one is never released."""
    with several(["--accept-legacy"], []) as (stuck, free):
        with streaming(stuck, "rdma"):
            ids = [str(stuck["id"]), str(free["id"])]
            process = Process("revoke", *ids, "--timeout", "forever")
            wait_for(free["id"], state="revoked")
            assert state(stuck) == "revoking"
        assert "revoked" in process.end()


def test_revoke_says_which_are_late_and_why() -> None:
    with several([], ["--accept-legacy"], ["--accept-legacy"]) as (free, one, two):
        with streaming(one, "rdma"), streaming(two, "static"):
            ids = [str(buffer["id"]) for buffer in (free, one, two)]
            done = run("revoke", *ids, "--timeout", "50ms", "--json", status=1)
            document = json.loads(done.stdout)
            rows = by_id(document)
            assert rows[free["id"]]["state"] == "revoked"
            for late in (one, two):
                assert rows[late["id"]]["error"] == "ETIMEDOUT"
                assert rows[late["id"]]["already"] is False
                named = [b for b in document["blockers"] if b["id"] == late["id"]]
                assert {b["type"] for b in named} == {"fence", "mapping"}
                assert f"revoke {late['id']}: timed out (ETIMEDOUT): " in done.stderr
            assert f"revoke {free['id']}" not in done.stderr
            out = run("revoke", *ids, "--timeout", "0", status=1).stdout
            assert re.search(rf"^ *{one['id']} mapping +dmabuf-revoke", out, re.M), out
        facts("revoke", *ids)


def test_a_common_deadline() -> None:
    """The time is that of all: each of them has waited for it when it is over."""
    with several(["--accept-legacy"], ["--accept-legacy"]) as (one, two):
        with streaming(one, "rdma"), streaming(two, "rdma"):
            ids = [str(one["id"]), str(two["id"])]
            late = facts("revoke", *ids, "--timeout", "1s", status=1)["buffers"]
            began = [row["began_ns"] for row in late]
            waited = [row["fences_ns"] + row["unmaps_ns"] for row in late]
            assert began == sorted(began)
            assert min(waited) >= 900_000_000
            # Not invalidated one after the other's timeout.
            assert began[1] - began[0] < 1_000_000_000


def test_one_that_is_wrong_does_not_keep_the_others() -> None:
    with several([]) as (buffer,):
        done = run("revoke", UNKNOWN, str(buffer["id"]), "--json", status=1)
        rows = by_id(json.loads(done.stdout))
        assert rows[int(UNKNOWN)]["error"] == "ENOENT"
        assert rows[int(UNKNOWN)]["state"] is None
        assert rows[buffer["id"]]["state"] == "revoked"
        assert f"revoke {UNKNOWN}: no such buffer (ENOENT)" in done.stderr


def test_all() -> None:
    with several([], [], []) as (revoked, first, second):
        facts("revoke", str(revoked["id"]))
        ids = {first["id"], second["id"]}
        assert {row["id"] for row in facts("suspend", "--all")["buffers"]} == ids
        assert {state(first), state(second)} == {"suspended"}
        restored = facts("restore", "--all")
        assert by_id(restored).keys() == ids
        assert {row["state"] for row in restored["buffers"]} == {"live"}
        assert facts("restore", "--all")["buffers"] == []
        everything = by_id(facts("revoke", "--all"))
        assert everything.keys() == ids | {revoked["id"]}
        assert everything[revoked["id"]]["already"] is True
        freed = facts("free", "--all")["buffers"]
        assert {row["id"] for row in freed} == ids | {revoked["id"]}
        for buffer in (revoked, first, second):
            wait_until_gone(buffer["id"])
    assert facts("revoke", "--all") == {"buffers": [], "blockers": []}


def test_all_of_nobody() -> None:
    with held("4k") as (buffer, _):
        done = run("revoke", "--all", before=hiding("exporter") + NOBODY)
        assert "shown to root only" in done.stderr
        assert state(buffer) == "live"


# suspend, restore


def test_suspend_and_restore() -> None:
    with held("4k") as (buffer, _):
        number = str(buffer["id"])
        (row,) = facts("suspend", number)["buffers"]
        assert (row["state"], row["already"]) == ("suspended", False)
        assert row["give_back_ns"] == 0
        (row,) = facts("suspend", number)["buffers"]
        assert row["already"] is True
        done = run("attach", *place(buffer), "--kind", "pinned", status=1)
        assert re.search(
            r"attach --kind pinned: the buffer is suspended \(\w+\): "
            "dmabuf-revoke restore brings it back",
            done.stderr,
        ), done.stderr
        done = run("attach", *place(buffer), status=1)
        assert "mapping, with --kind dynamic: the buffer is suspended" in done.stderr
        (row,) = facts("restore", number)["buffers"]
        assert row == {"id": buffer["id"], "state": "live", "error": None}
        facts("restore", number)
        facts("revoke", number)
        for verb in ("suspend", "restore"):
            done = run(verb, number, status=1)
            assert (
                f"{verb} {number}: the buffer is revoked, or being revoked (ENODEV)"
                in done.stderr
            )


def test_suspend_and_restore_that_are_late() -> None:
    with held("4k", "--accept-legacy") as (buffer, _), streaming(buffer, "rdma"):
        number = str(buffer["id"])
        done = run("suspend", number, "--timeout", "10ms", status=1)
        assert "(1 legacy), 1 fence pending: the suspension goes on; " in done.stderr
        done = run("restore", number, "--timeout", "10ms", "--json", status=1)
        assert "(1 legacy), 1 fence pending: it stays suspended; " in done.stderr
        document = json.loads(done.stdout)
        (row,) = document["buffers"]
        assert (row["state"], row["error"]) == ("suspending", "ETIMEDOUT")
        assert {b["type"] for b in document["blockers"]} == {"fence", "mapping"}


# move


def test_move() -> None:
    with held("64k") as (buffer, _):
        number = str(buffer["id"])
        first = facts("move", number)["move"]
        assert first == {"id": buffer["id"], "moves": 1, "move": 1, "copied": True}
        assert facts("move", number)["move"]["moves"] == 2
        assert facts("show", number)["buffer"]["moves"] == 2


def test_move_is_resumed_without_another_move() -> None:
    with held("64k") as (buffer, _):
        number = str(buffer["id"])
        facts("move", number)
        again = facts("move", number, "--resume", "1")["move"]
        assert (again["moves"], again["move"]) == (1, 1)
        done = run("move", number, "--resume", "2", status=1)
        assert "there has been no such move (EINVAL)" in done.stderr


def test_move_that_is_late_is_resumed() -> None:
    """Its fence is that of a job which ends with the importer only."""
    if "MAP_UNPINNED" in features.missing():
        pytest.skip("who maps pins, and what is pinned is not moved")
    with held("64k") as (buffer, _):
        number = str(buffer["id"])
        options = ["--stream", "--duration", "1h", "--defer-unmap"]
        importer = Process("attach", *place(buffer), *options)
        wait_for(buffer["id"], maps=1, fences=1)
        done = run("move", number, "--timeout", "10ms", "--json", status=1)
        assert json.loads(done.stdout)["move"] == {
            "id": buffer["id"],
            "moves": 1,
            "move": 1,
            "copied": False,
        }
        assert f"move {number}: timed out (ETIMEDOUT): " in done.stderr
        assert "to wait for it, give --resume 1" in done.stderr
        run("move", number, "--resume", "1", "--timeout", "0", status=1)
        importer.end(signal.SIGTERM)
        again = facts("move", number, "--resume", "1")["move"]
        assert (again["moves"], again["copied"]) == (1, True)


def test_move_is_refused() -> None:
    with held("4k", "--accept-legacy") as (buffer, _), streaming(buffer, "rdma"):
        done = run("move", str(buffer["id"]), status=1)
        assert "the buffer is pinned, vmapped, suspended, or being moved (EBUSY)" in (
            done.stderr
        )
    with held("4k", "--quarantine") as (buffer, _):
        done = run("move", str(buffer["id"]), status=1)
        assert "a buffer with a quarantine cannot be moved (EOPNOTSUPP)" in done.stderr
    with held("4k") as (buffer, _):
        facts("revoke", str(buffer["id"]))
        done = run("move", str(buffer["id"]), status=1)
        assert "(ENODEV)" in done.stderr


# misbehaviours


def test_importer_misbehaves() -> None:
    with held("4k") as (buffer, _):
        bugs = ["--misbehave", "late-unmap,slow-callback", "--delay", "300ms"]
        importer = Process("attach", *place(buffer), *bugs, "--json")
        wait_for(buffer["id"], maps=1)
        took = facts("revoke", str(buffer["id"]))["buffers"][0]
        assert took["tell_ns"] >= 300_000_000
        assert took["unmaps_ns"] >= 200_000_000
        document = json.loads(importer.end())
        assert document["attachment"]["misbehave"] == "late-unmap,slow-callback"


MISFITS = [
    ("--kind rdma --misbehave ignore", "not by --kind rdma"),
    ("--misbehave remap,late-unmap", "not by --kind dynamic, not together"),
    ("--misbehave remap --defer-unmap", "not by --kind dynamic --defer-unmap"),
    ("--misbehave slow-callback --delay 11s", "a --delay so long (EINVAL)"),
    ("--misbehave dma-after-unmap", "may not stand it (EOPNOTSUPP): allocate one"),
]


@pytest.mark.parametrize("options, message", MISFITS)
def test_misbehaviour_that_may_not_be(options: str, message: str) -> None:
    with held("4k", "--accept-legacy") as (buffer, _):
        done = run("attach", *place(buffer), *options.split(), status=1)
        assert message in done.stderr, done.stderr
        assert facts("show", str(buffer["id"]))["buffer"]["attachments"] == 0


def test_refusal_that_is_not_for_the_misbehaviour() -> None:
    with held("4k") as (buffer, _):
        options = ["--kind", "rdma", "--misbehave", "late-fence"]
        done = run("attach", *place(buffer), *options, status=1)
        assert "allocate with --accept-legacy" in done.stderr


# faults


def test_faults() -> None:
    with held("4k") as (buffer, _):
        number = str(buffer["id"])
        shown = facts("faults", number, "fail-map", "--count", "1", "--error", "5")
        assert shown["buffer"] == {
            "id": buffer["id"],
            "faults": 1 << 10,
            "held": False,
        }
        done = run("attach", *place(buffer), status=1)
        assert "(EIO)" in done.stderr
        assert facts("show", number)["buffer"]["faults"] == 0
        facts("faults", number, "fail-attach", "tell-in-map")
        done = run("attach", *place(buffer), status=1)
        assert "(ENOMEM)" in done.stderr
        assert facts("faults", number)["buffer"]["faults"] == 0


def test_faults_hold_until_they_are_cleared() -> None:
    with held("4k") as (buffer, _):
        number = str(buffer["id"])
        done = run("faults", number, "--await", "--timeout", "10ms", status=1)
        assert "nobody is blocked (ETIMEDOUT)" in done.stderr
        facts("faults", number, "hold-in-map")
        importer = Process("attach", *place(buffer))
        assert facts("faults", number, "--await", "--timeout", "forever")["buffer"] == {
            "id": buffer["id"],
            "faults": None,
            "held": True,
        }
        facts("faults", number)
        wait_for(buffer["id"], maps=1)
        importer.end(signal.SIGTERM)


def test_faults_of_no_such_errno() -> None:
    with held("4k") as (buffer, _):
        number = str(buffer["id"])
        done = run("faults", number, "fail-map", "--error", "134", status=1)
        assert "no such errno" in done.stderr and "(EINVAL)" in done.stderr


# free


def test_free() -> None:
    with held("4k") as (buffer, _):
        document = facts("free", str(buffer["id"]))
        assert document == {
            "buffers": [
                {
                    "id": buffer["id"],
                    "quarantine": False,
                    "checked": False,
                    "changed": None,
                    "error": None,
                }
            ],
            "changed": [],
        }
        wait_until_gone(buffer["id"])


def test_free_of_a_quarantine() -> None:
    with several(["--quarantine"], ["--quarantine"]) as (good, early):
        facts("revoke", str(good["id"]))
        ids = [str(good["id"]), str(early["id"])]
        done = run("free", *ids, "--json", status=1)
        rows = by_id(json.loads(done.stdout))
        assert rows[good["id"]]["checked"] is True
        assert rows[good["id"]]["changed"] == 0
        assert rows[early["id"]]["checked"] is False
        assert rows[early["id"]]["changed"] is None
        assert f"free {early['id']}: its quarantine was not checked" in done.stderr
        assert f"free {good['id']}" not in done.stderr


@contextmanager
def allocated(flags: int = 0, faults: int = 0) -> Iterator[tuple[int, int]]:
    """Id and descriptor of a buffer of 4 pages that is ours."""
    exporter = ioctls.open_node(ioctls.EXPORTER)
    number, fd = ioctls.alloc(exporter, 4 * PAGE, flags, faults)
    yield number, fd
    os.close(fd)
    os.close(exporter)


def test_free_tells_which_pages_were_written_to() -> None:
    with allocated(QUARANTINE, FAULT_NO_ZAP) as (number, fd):
        with mmap.mmap(fd, 4 * PAGE) as memory:
            facts("revoke", str(number))
            memory[2 * PAGE] = memory[2 * PAGE] ^ 1
            done = run("free", str(number), "--json", status=1)
    assert f"free {number}: 1 page written to after the revoke" in done.stderr
    document = json.loads(done.stdout)
    assert document["changed"] == [{"id": number, "offset": 2 * PAGE}]
    (row,) = document["buffers"]
    assert (row["checked"], row["changed"]) == (True, 1)


# export, blockers


def test_export_to_a_program() -> None:
    with held("64k") as (buffer, _):
        number = str(buffer["id"])
        script = "echo $DMABUF_REVOKE_ID; exit 5"
        done = run("export", number, "--", "sh", "-c", script, status=5)
        assert done.stdout == f"{number}\n"
        shown = run("export", number, "--", COMMAND, "show", "--json").stdout
        assert json.loads(shown)["buffer"]["id"] == buffer["id"]
        done = run("export", number, "--", "/nonexistent", status=127)
        assert "/nonexistent: no such program (ENOENT)" in done.stderr


def test_export_holds_a_descriptor() -> None:
    with held("64k") as (buffer, owner):
        process = Process("export", str(buffer["id"]), "--json")
        exported = json.loads(process.read_until("}"))["buffer"]
        assert exported["pid"] == process.process.pid
        assert exported["length"] == buffer["length"]
        shown = facts("show", *place(exported))["buffer"]
        assert (shown["id"], shown["orphaned"]) == (buffer["id"], False)
        owner.end(signal.SIGTERM)
        # It outlives the buffer's life, and keeps nothing of it.
        wait_until_gone(buffer["id"])
        shown = facts("show", *place(exported))
        assert shown["buffer"]["state"] == "revoked"
        process.end(signal.SIGTERM)


def test_export_for_people_says_what_to_do_next() -> None:
    with held("64k") as (buffer, _):
        process = Process("export", str(buffer["id"]))
        text = process.read_until("  dmabuf-revoke revoke [0-9]+")
        assert f"attach --pid {process.process.pid} --fd " in text
        process.end(signal.SIGINT)


def test_blockers() -> None:
    with held("4k", "--accept-legacy") as (buffer, _):
        number = str(buffer["id"])
        assert facts("blockers", number) == {"blockers": []}
        with streaming(buffer, "rdma"):
            rows = {b["type"]: b for b in facts("blockers", number)["blockers"]}
            fence, mapping = rows["fence"], rows["mapping"]
            assert fence["usage"] in ("read", "write", "bookkeep")
            assert fence["timeline"] and fence["context"] and fence["seqno"]
            assert fence["for_ns"] is None
            assert mapping["legacy"] is True and mapping["pins"] >= 1
            assert mapping["name"].startswith("dmabuf-revoke")
            assert mapping["since_ns"] > 0
            assert facts("show", number)["blockers"][0].keys() == fence.keys()
            assert "mapping" in run("show", number).stdout
            assert "mapping" in run("blockers", number).stdout


def test_show_by_descriptor_does_not_name_blockers_to_others() -> None:
    with allocated() as (number, fd):
        arguments = ["show", "--fd", str(fd), "--json"]
        before = hiding("exporter") + NOBODY
        done = run(*arguments, before=before, pass_fds=(fd,))
        assert "blockers" not in json.loads(done.stdout)
        assert f"show: who uses buffer {number}: not permitted (EPERM)" in done.stderr
        done = run(*arguments, pass_fds=(fd,))
        assert json.loads(done.stdout)["blockers"] == []


# Policies of alloc


def test_policies_are_shown() -> None:
    names = ["accept_legacy", "refuse_vmap", "zero_page", "quarantine", "bare_table"]
    for name in names:
        with held("4k", f"--{name.replace('_', '-')}") as (buffer, _):
            shown = facts("show", str(buffer["id"]))["buffer"]
            for other in names:
                assert buffer[other] is shown[other] is (other == name)


def test_shapes() -> None:
    before = facts("info")["exporter"]["bytes"]
    with held("9G", "--repeat", "9216") as (buffer, _):
        assert facts("info")["exporter"]["bytes"] == before + 2**20
        done = run("move", str(buffer["id"]), "--shuffle", "1", status=1)
        assert "nor one with --repeat to another shape (EOPNOTSUPP)" in done.stderr
    with held("64k", "--shuffle", "3") as (buffer, _):
        for options in ("--one-chunk", "--shuffle 4", ""):
            facts("move", str(buffer["id"]), *options.split())
    with held("1M", "--one-chunk") as (buffer, _):
        facts("move", str(buffer["id"]))
    done = run("alloc", str(3 * PAGE), "--one-chunk", status=1)
    assert "one chunk is a power of two" in done.stderr
    done = run("alloc", "1G", "--one-chunk", status=1)
    assert "than memory of that shape can be (EOVERFLOW)" in done.stderr


def test_read_only_binds_cpu_mappings() -> None:
    script = (
        "import mmap, os; fd = int(os.environ['DMABUF_REVOKE_FD']); "
        f"mmap.mmap(fd, {PAGE}, mmap.MAP_SHARED, mmap.PROT_READ)\n"
        "try:\n"
        f"    mmap.mmap(fd, {PAGE}, mmap.MAP_SHARED, mmap.PROT_WRITE)\n"
        "except PermissionError:\n    print('refused')\n"
    )
    program = ["python3", "-c", script]
    assert run("alloc", "4k", "--read-only", "--", *program).stdout == "refused\n"
    assert run("alloc", "4k", "--", *program).stdout == ""


# What nobody names any more


def test_list_and_doctor_tell_of_what_a_reference_keeps() -> None:
    with held("4k") as (buffer, _):
        exporting = Process("export", str(buffer["id"]), "--json")
        exporting.read_until("}")
    wait_until_gone(buffer["id"])
    assert "1 more, given up and revoked, kept by a reference alone" in (
        run("list").stderr
    )
    assert (
        "reference alone" not in run("list", before=hiding("exporter") + NOBODY).stderr
    )
    document = facts("doctor")
    (row,) = [row for row in document["checks"] if row["result"] == "unknown"]
    assert row["subject"] == "exporter"
    assert row["observed"].startswith("1 buffer is kept by a reference alone")
    exporting.end(signal.SIGTERM)
    assert buffers() == []
    assert not run("list").stderr
    assert {row["result"] for row in facts("doctor")["checks"]} == {"ok"}
