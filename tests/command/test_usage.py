# SPDX-License-Identifier: GPL-2.0-only
"""The command dmabuf-revoke, as people and programs use it."""

import json
import os
import re
import signal
import subprocess
import zlib
from typing import Any

import pytest

from tests.lib import features

from .run import (
    COMMAND,
    NOBODY,
    PAGE,
    SOON,
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

VERBS = (
    "info alloc list show blockers revoke suspend restore move free export "
    "faults attach demo bench watch test-importer test-exporter doctor"
).split()
UNKNOWN = str(2**63)
OF_ONE = "show blockers revoke suspend restore move free export faults".split()


def place(buffer: dict[str, Any]) -> list[str]:
    """The options that name the descriptor which alloc holds."""
    return ["--pid", str(buffer["pid"]), "--fd", str(buffer["fd"])]


def the_one(document: dict[str, Any]) -> dict[str, Any]:
    """The only buffer of revoke, suspend, restore or free."""
    row: dict[str, Any]
    (row,) = document["buffers"]
    return row


# Help and usage


def test_help_names_every_verb() -> None:
    out = run("--help").stdout
    assert all(re.search(rf"^  {verb} ", out, re.MULTILINE) for verb in VERBS)
    assert run("-h").stdout == out


def test_help_of_every_verb() -> None:
    for verb in VERBS:
        out = run(verb, "--help").stdout
        assert out.startswith(f"Usage: dmabuf-revoke {verb} "), out
        assert "--json" in out, out


def test_version() -> None:
    assert re.fullmatch(r"dmabuf-revoke \d+\.\d+\.\d+\n", run("--version").stdout)


WRONG_USAGE = [
    ("", "Usage: dmabuf-revoke VERB"),
    ("frob", "unknown verb 'frob'"),
    ("info x", "unexpected argument 'x'"),
    ("info --frob", "unknown option '--frob'"),
    ("info -x", "unknown option '-x'"),
    ("info --json=yes", "unknown option '--json=yes'"),
    ("list 1", "unexpected argument '1'"),
    ("alloc", "4096, 4k, 64M, 1GiB"),
    ("alloc 0", "'0' is not a size; write it as 4096, 4k, 64M, 1GiB"),
    ("alloc 64X", "'64X' is not a size; write it as"),
    ("alloc -1", "unknown option '-1'"),
    ("alloc 99999999999T", "'99999999999T' is too large a size"),
    ("alloc 4k true", "unexpected argument 'true'; a program comes after --"),
    ("alloc 4k --", "no program after --"),
    ("alloc 4k --json -- true", "--json is not for running a program"),
    ("alloc 4k --one-chunk --shuffle 1", "memory has one shape"),
    ("alloc 4k --repeat 0", "memory is there once at least"),
    ("move 1 --one-chunk --shuffle 1", "memory has one shape"),
    ("show 1 --fd 3", "give an id or --fd, not both"),
    ("show x", "'x' is not a buffer id"),
    ("show 1 2", "unexpected argument '2'"),
    ("show --pid 1", "--pid needs --fd"),
    ("show", "Give its id, or --fd"),
    ("revoke", "Give its id"),
    ("revoke -- -1", "'-1' is not a buffer id"),
    ("revoke 18446744073709551616", "is not a buffer id"),
    ("revoke 1 x", "'x' is not a buffer id"),
    ("revoke 1 --all", "give ids or --all, not both"),
    ("suspend", "Give its id; dmabuf-revoke list shows them, or --all"),
    ("suspend 1 --all", "give ids or --all, not both"),
    ("restore", "Give its id; dmabuf-revoke list shows them, or --all"),
    ("free", "Give its id; dmabuf-revoke list shows them, or --all"),
    ("free x", "'x' is not a buffer id"),
    ("free 1 --timeout 1s", "unknown option '--timeout'"),
    ("move", "Give its id"),
    ("move 1 2", "unexpected argument '2'"),
    ("move 1 --resume 0", "moves are counted from 1"),
    ("faults", "Give its id"),
    ("faults x", "'x' is not a buffer id"),
    ("faults 1 frob", "'frob' is no fault"),
    ("faults 1 fail-map --count x", "'x' is not a number"),
    ("faults 1 fail-map --await", "--await sets no faults"),
    ("blockers", "Give its id"),
    ("blockers 1 2", "unexpected argument '2'"),
    ("export", "Give its id"),
    ("export x", "'x' is not a buffer id"),
    ("export 1 true", "unexpected argument 'true'; a program comes after --"),
    ("export 1 --", "no program after --"),
    ("export 1 --json -- true", "--json is not for running a program"),
    ("revoke 1 --timeout", "--timeout needs a value"),
    ("revoke 1 --timeout 10", "'10' is not a duration; write it as 10us, 250ms"),
    ("revoke 1 --timeout 9999999999h", "'9999999999h' is too long"),
    ("attach", "no dma-buf: give --fd"),
    ("attach --fd x", "'x' is not a number"),
    ("attach --fd 2147483648", "'2147483648' is not a number from 0 to"),
    ("attach --kind frob", "'frob' is none of: dynamic, pinned, static, rdma"),
    ("attach --kind static --defer-unmap", "not with --defer-unmap"),
    ("attach --kind rdma --defer-unmap", "not with --defer-unmap"),
    ("attach --misbehave frob", "'frob' is none of: ignore, no-unmap, late-unmap"),
    ("attach --misbehave ignore,frob", "'frob' is none of: ignore"),
    ("attach --misbehave ignore,", "'' is none of: ignore"),
    ("attach --misbehave", "--misbehave needs a value"),
    ("attach --fd 0 --delay 1s", "--delay is that of --misbehave late-unmap"),
    ("attach --fd 0 --misbehave ignore --delay 1s", "--delay is that of --misbehave"),
    ("attach --fd 0 --duration 1s", "--duration is that of a pass of --stream"),
    ("attach --engine gpu", "'gpu' is none of: auto, cpu, iova, none, dmaengine"),
    ("attach --fd 0 --engine none --stream", "--engine none does no DMA"),
    ("attach --fd 0 --engine dmaengine", "--engine dmaengine is that of a --device"),
    ("attach --fd 0 --kind static --peer2peer", "cannot ask for --peer2peer"),
    ("attach --fd 0 --peer2peer --no-peer2peer", "not both"),
    ("demo a b", "unexpected argument 'b'"),
    ("watch x", "unexpected argument 'x'"),
    ("watch --buffer x", "'x' is not a number"),
    ("doctor x", "unexpected argument 'x'"),
    ("demo --duration 2h", "at most 1h"),
    ("demo --engine cpu", "--engine is that of --device"),
    ("demo --device x --engine none", "--engine none does no DMA"),
    ("demo --device x --engine gpu", "'gpu' is none of: auto, cpu, iova, none"),
    ("bench frob", "'frob' is none of: memory, alloc, attach, mmap, revoke, dma"),
    ("bench alloc frob", "'frob' is none of"),
    ("bench --budget 1", "'1' is not a duration"),
    ("bench --faults x", "'x' is not a number"),
]


def test_wrong_usage() -> None:
    for arguments, message in WRONG_USAGE:
        done = run(*arguments.split(), status=2)
        assert message in done.stderr, arguments
        assert not done.stdout, arguments


def test_wrong_environment() -> None:
    done = run("attach", status=2, env={**os.environ, "DMABUF_REVOKE_FD": "x"})
    assert "DMABUF_REVOKE_FD is 'x'" in done.stderr


# What is missing, what is not permitted


NEEDS = [
    ("info", "exporter"),
    ("alloc 4k", "exporter"),
    ("list", "exporter"),
    ("show 1", "exporter"),
    ("revoke 1", "exporter"),
    ("suspend --all", "exporter"),
    ("restore 1", "exporter"),
    ("move 1", "exporter"),
    ("free 1", "exporter"),
    ("blockers 1", "exporter"),
    ("export 1", "exporter"),
    ("faults 1", "exporter"),
    ("attach --fd 0", "importer"),
    ("demo", "exporter"),
    ("bench", "exporter"),
]


def test_not_loaded() -> None:
    for arguments, module in NEEDS:
        done = run(*arguments.split(), status=77, before=hiding())
        assert (
            f"/dev/dmabuf-revoke/{module}: does not exist (ENOENT): "
            f"load it: modprobe dmabuf_revoke_{module}" in done.stderr
        )
        assert not done.stdout


def test_demo_needs_the_importer_too() -> None:
    done = run("demo", status=77, before=hiding("exporter"))
    assert "load it: modprobe dmabuf_revoke_importer" in done.stderr


def test_info_of_one_module() -> None:
    assert "importer" not in facts("info", before=hiding("exporter"))
    assert "exporter" not in facts("info", before=hiding("importer"))


def test_node_not_permitted() -> None:
    for verb in (["info"], ["alloc", "4k"], ["list"], ["revoke", "1"], ["demo"]):
        done = run(*verb, status=1, before=NOBODY)
        assert "/dev/dmabuf-revoke/exporter: not permitted (EACCES)" in done.stderr
    done = run("attach", "--fd", "0", status=1, before=NOBODY)
    assert "/dev/dmabuf-revoke/importer: not permitted (EACCES)" in done.stderr


def test_buffers_of_others_are_not_permitted() -> None:
    as_nobody = hiding("exporter") + NOBODY
    with held("4k") as (buffer, _):
        number = str(buffer["id"])
        for verb in OF_ONE:
            done = run(verb, number, status=1, before=as_nobody)
            assert f"{verb} {number}: not permitted (EPERM)" in done.stderr
        done = run("list", "--json", before=as_nobody)
        assert json.loads(done.stdout) == {"buffers": []}
        assert "shown to root only" in done.stderr
        wait_for(buffer["id"], state="live")


def test_unknown_buffer() -> None:
    for verb in OF_ONE:
        done = run(verb, UNKNOWN, status=1)
        assert (
            f"{verb} {UNKNOWN}: no such buffer (ENOENT): "
            "dmabuf-revoke list shows which there are" in done.stderr
        )


def test_lost_output_is_a_failure() -> None:
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(
            [COMMAND, "info"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SOON,
            check=False,
        )
    assert done.returncode == 1
    assert "(ENOSPC)" in done.stderr


# info, alloc, list, show


def test_info() -> None:
    before = facts("info")
    assert before["exporter"]["abi_version"] == before["command"]["abi_version"] == 2
    assert before["importer"]["abi_version"] == 2
    assert before["importer"]["max_jobs"] >= 1
    assert before["exporter"]["page_size"] == PAGE
    assert before["exporter"]["limit_bytes"] >= PAGE
    lacks = features.missing()
    for name in features.FEATURES:
        assert before["exporter"][name.lower()] is (name not in lacks)
    with held("3M"):
        during = facts("info")
        assert during["exporter"]["buffers"] == before["exporter"]["buffers"] + 1
        assert during["exporter"]["bytes"] == before["exporter"]["bytes"] + (3 << 20)
    assert "memory limit" in run("info").stdout


def test_alloc_holds_a_buffer() -> None:
    with held("5000") as (buffer, process):
        assert buffer["length"] == -(-5000 // PAGE) * PAGE
        assert buffer["pid"] == process.process.pid
        assert buffer["accept_legacy"] is False
        (row,) = [row for row in buffers() if row["id"] == buffer["id"]]
        assert row == {
            "id": buffer["id"],
            "state": "live",
            "length": buffer["length"],
            "attachments": 0,
            "legacy_attachments": 0,
            "maps": 0,
            "fences": 0,
            "orphaned": False,
        }
        assert re.search(rf"^ *{buffer['id']} live", run("list").stdout, re.MULTILINE)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_alloc_ends_on(name: str) -> None:
    with held("4k") as (buffer, process):
        process.end(getattr(signal, name))
    wait_until_gone(buffer["id"])


def test_alloc_for_people_says_what_to_do_next() -> None:
    process = Process("alloc", "64M")
    text = process.read_until("  dmabuf-revoke revoke [0-9]+")
    assert "64 MiB" in text
    assert re.search(r"attach --pid [0-9]+ --fd [0-9]+", text)
    process.end(signal.SIGTERM)


def test_alloc_too_much() -> None:
    done = run("alloc", "8191T", status=1)
    assert "alloc 8191 TiB: " in done.stderr
    assert re.search(r"\((ENOMEM|EOVERFLOW)\): ", done.stderr)


def test_alloc_runs_a_program() -> None:
    script = (
        "echo $DMABUF_REVOKE_ID; readlink /proc/self/fd/$DMABUF_REVOKE_FD; "
        "readlink /proc/self/fd/*; exit 5"
    )
    done = run("alloc", "4k", "--", "sh", "-c", script, status=5)
    number, link, *links = done.stdout.split("\n")
    assert int(number) >= 1
    assert link.startswith("/dmabuf:")
    assert not any("/dev/dmabuf-revoke" in link for link in links)
    assert f"buffer {number} of {PAGE >> 10} KiB is descriptor " in done.stderr
    wait_until_gone(int(number))


def test_alloc_exits_as_its_program() -> None:
    run("alloc", "4k", "--", "true")
    run("alloc", "4k", "--", "sh", "-c", "kill -KILL $$", status=128 + 9)
    done = run("alloc", "4k", "--", "/nonexistent", status=127)
    assert "/nonexistent: no such program (ENOENT)" in done.stderr
    done = run("alloc", "4k", "--", "/dev/null", status=126)
    assert "/dev/null: not executable (EACCES)" in done.stderr


def test_alloc_passes_signals_on() -> None:
    # Not "read": the shell blocks in it, if the signal comes just before.
    script = "trap 'exit 7' TERM; echo ready; while :; do :; done"
    process = Process("alloc", "4k", "--", "sh", "-c", script)
    process.read_until("ready")
    process.end(signal.SIGTERM, status=7)


def test_show() -> None:
    with held("64k", "--accept-legacy") as (buffer, _):
        by_id = facts("show", str(buffer["id"]))["buffer"]
        assert by_id["id"] == buffer["id"]
        assert by_id["state"] == "live"
        assert by_id["length"] == 65536
        assert by_id["accept_legacy"] is True
        assert (
            by_id["quarantine"] is by_id["refuse_vmap"] is by_id["zero_page"] is False
        )
        assert by_id["moves"] == by_id["faults"] == 0
        assert by_id["began_ns"] is None
        assert facts("show", *place(buffer))["buffer"] == by_id
        assert "64 KiB" in run("show", *place(buffer)).stdout


def test_show_of_an_inherited_descriptor() -> None:
    done = run("alloc", "4k", "--", COMMAND, "show", "--json")
    assert json.loads(done.stdout)["buffer"]["state"] == "live"


def test_show_of_what_is_no_buffer() -> None:
    done = run("show", "--fd", "0", status=1)
    assert "not a dma-buf of this exporter (EINVAL)" in done.stderr
    done = run("show", "--fd", "999", status=1)
    assert "not an open descriptor (EBADF)" in done.stderr
    done = run("show", "--pid", str(os.getpid()), "--fd", "99999", status=1)
    assert "that process has no such descriptor (EBADF)" in done.stderr
    done = run("show", "--pid", "2147483647", "--fd", "0", status=1)
    assert "no such process (ESRCH)" in done.stderr


# revoke


def test_revoke() -> None:
    with held("1M") as (buffer, _):
        number = str(buffer["id"])
        first = the_one(facts("revoke", number))
        assert first["id"] == buffer["id"]
        assert first["state"] == "revoked"
        assert first["already"] is False
        assert first["began_ns"] > 0
        assert first["fences"] == first["maps"] == first["legacy_maps"] == 0
        assert first["error"] is None
        second = the_one(facts("revoke", number, "--timeout", "0"))
        assert second == {**first, "already": True}
        assert facts("show", number)["buffer"]["state"] == "revoked"
        done = run("attach", *place(buffer), status=1)
        assert "the buffer has been revoked (ENODEV): allocate a new one" in (
            done.stderr
        )


@pytest.mark.parametrize("kind", ["static", "rdma"])
def test_revoke_times_out_at_a_legacy_importer(kind: str) -> None:
    with held("4k", "--accept-legacy") as (buffer, _):
        number = str(buffer["id"])
        legacy = Process("attach", *place(buffer), "--kind", kind, "--stream")
        legacy.read_until(".*mapped.*")
        wait_for(buffer["id"], fences=1)
        done = run("revoke", number, "--timeout", "50ms", "--json", status=1)
        assert (
            f"revoke {number}: timed out (ETIMEDOUT): 1 mapping (1 legacy), "
            "1 fence pending: " in done.stderr
        )
        assert "legacy importers are not revocable: end their programs" in done.stderr
        document = json.loads(done.stdout)
        late = the_one(document)
        assert late["error"] == "ETIMEDOUT"
        blockers = {row["type"]: row for row in document["blockers"]}
        assert sorted(blockers) == ["fence", "mapping"]
        assert blockers["mapping"]["id"] == buffer["id"]
        assert blockers["mapping"]["legacy"] is True
        assert blockers["mapping"]["for_ns"] > 0
        assert late["state"] == "revoking"
        assert late["legacy_maps"] == late["maps"] == late["fences"] == 1
        assert late["fences_ns"] >= 10_000_000
        assert "ended by" in legacy.end(signal.SIGTERM)
        done_at_last = the_one(facts("revoke", number))
        assert done_at_last["state"] == "revoked"
        assert done_at_last["began_ns"] == late["began_ns"]


# attach


@pytest.mark.parametrize("kind", ["dynamic", "pinned"])
@pytest.mark.parametrize("defer", [False, True])
def test_attach_until_revoked(kind: str, defer: bool) -> None:
    with held("64k") as (buffer, _):
        options = ["--kind", kind, "--stream", "--duration", "1ms", "--json"]
        options += ["--defer-unmap"] if defer else []
        process = Process("attach", *place(buffer), *options)
        wait_for(buffer["id"], maps=1, fences=1)
        facts("revoke", str(buffer["id"]))
        document = json.loads(process.end())
    seen = document["attachment"]
    assert seen["kind"] == kind
    assert seen["defer_unmap"] is defer
    assert seen["ended_by"] == "invalidation"
    assert (seen["maps"], seen["unmaps"], seen["invalidations"]) == (1, 1, 1)
    assert seen["remap"] == "ENODEV"
    assert seen["changed"] == seen["events_lost"] == 0
    assert seen["crc32"] in (zlib.crc32(bytes(65536)), None)
    assert (seen["crc32"] is None) == (seen["passes"] == 0)
    events = document["events"]
    names = [event["event"] for event in events]
    assert names == ["mapped", "invalidated", "job done", "unmapped"]
    assert [event["sequence"] for event in events] == [0, 1, 2, 3]
    times = [event["time_ns"] for event in events]
    assert times == sorted(times)
    assert events[2]["status"] == "success"


def test_attach_in_a_program_of_alloc() -> None:
    process = Process("alloc", "64k", "--", COMMAND, "attach", "--stream")
    process.read_until(".*mapped.*")
    (row,) = [row for row in buffers() if row["attachments"]]
    facts("revoke", str(row["id"]))
    out = process.end()
    assert re.search(r"invalidated.*\n.*job done.*success.*\n.*unmapped", out)
    assert re.search(r"^mapping again +ENODEV$", out, re.MULTILINE)
    wait_until_gone(row["id"])


def test_attach_ends_on_a_signal() -> None:
    with held("4k") as (buffer, _):
        process = Process("attach", *place(buffer))
        process.read_until(".*mapped.*")
        out = process.end(signal.SIGINT)
        assert re.search(r"^ended by +SIGINT$", out, re.MULTILINE)
        wait_for(buffer["id"], state="live", attachments=0)


@pytest.mark.parametrize("kind", ["static", "rdma"])
def test_attach_of_a_legacy_importer_is_refused(kind: str) -> None:
    with held("4k") as (buffer, _):
        done = run("attach", *place(buffer), "--kind", kind, status=1)
        assert f"attach --kind {kind}: " in done.stderr
        assert "(EOPNOTSUPP): use --kind dynamic or pinned, or" in done.stderr


def test_attach_to_what_is_no_dmabuf() -> None:
    done = run("attach", "--fd", "0", status=1)
    assert "not a dma-buf (EINVAL)" in done.stderr
    done = run("attach", "--fd", "999", status=1)
    assert "not an open descriptor (EBADF)" in done.stderr
