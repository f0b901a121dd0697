# SPDX-License-Identifier: GPL-2.0-only
"""Programs that do not do what they should, and a user who does not: a clear message, a status
that is no success, and nothing left behind."""
from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..run import COMMAND, NOBODY, SOON, Process, hiding, no_process_left, run
from ..watch.recording import CONTAINER, TRACEFS, left_in_tracefs, nothing_left
from .fifo import Fifo
from .verdicts import OURS

__all__ = ["no_process_left", "nothing_left"]  # fixtures

#: What a program that is to be ended sleeps for, so that it can be told from others.
LONG = "86543"
JUDGE = ["test-importer", "--scenario", "revoke-mapped"]
#: For programs that never do what is waited for.
IMPATIENT = ["--limit", "import=500ms,answer=500ms,end=500ms"]

#: For those who map, and never say that they have: that is waited for.
SILENT = ["--limit", "import=10s"]

#: Maps, says so, and then does what follows with $word, what it was told; C is the socket.
SPEAKING = f"""
C=$DMABUF_REVOKE_CONTROL
{COMMAND} attach | {{ read head; read row; echo "done 0" >&$C; read word <&$C; %s; }}
"""


def named(text: str) -> str:
    """Of a script, for a test's name."""
    return re.sub(r"\W+", "_", text.replace(LONG, "N"))[:40]


def asleep() -> list[str]:
    found = subprocess.run(
        ["pgrep", "-f", f"^sleep {LONG}$"], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    assert not asleep()
    yield
    assert not asleep()


def judge(*words: str, status: int, more: list[str] | None = None) -> dict[str, Any]:
    done = run(*JUDGE, "--json", *(more or []), "--", *words, status=status)
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def script(text: str, status: int, more: list[str] | None = None) -> dict[str, Any]:
    return judge("bash", "-c", text, status=status, more=more)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {row["clause"]: row["verdict"] for row in document["clauses"]}


def reasons(document: dict[str, Any]) -> set[str]:
    """Why nothing could be judged. The log is read all the same."""
    rows = [row for row in document["findings"] if row["clause"] != "LOG"]
    assert rows and {row["verdict"] for row in rows} == {"SKIP"}, rows
    return {row["evidence"] for row in rows}


def the_reason(document: dict[str, Any]) -> str:
    (reason,) = reasons(document)
    return reason


def test_it_ends_before_it_imports() -> None:
    reason = the_reason(script("echo I give up; exit 3", 77))
    assert "has exited with 3" in reason and "I give up" in reason


def test_it_crashes() -> None:
    assert "was ended by signal 11" in the_reason(script("kill -SEGV $$", 77))


@pytest.mark.parametrize(
    "text",
    [
        f"exec sleep {LONG}",
        f'eval "exec $DMABUF_REVOKE_FD<&-"; exec sleep {LONG}',
        f"sleep {LONG} & wait",
        f"trap '' TERM HUP INT; sleep {LONG}; sleep {LONG}",
        f"setsid sleep {LONG} & exec sleep {LONG}",
        f"exec <&$DMABUF_REVOKE_CONTROL; cat; exec sleep {LONG}",
        "exec yes",
        "yes >&$DMABUF_REVOKE_CONTROL",
        "exec tr -d '\\n' </dev/urandom >&$DMABUF_REVOKE_CONTROL",
        "exec cat /dev/zero",
    ],
    ids=named,
)
def test_it_never_maps(text: str) -> None:
    began = time.monotonic()
    assert "has not mapped the buffer" in the_reason(script(text, 77, IMPATIENT))
    assert time.monotonic() - began < SOON


#: Joins the process group of a child, cannot use the buffer, and does not end.
ELSEWHERE = f"""
exec python3 -c '
import os, subprocess
words = ["sleep", "{LONG}"]
os.setpgid(0, subprocess.Popen(words, preexec_fn=os.setpgrp).pid)
os.write(int(os.environ["DMABUF_REVOKE_CONTROL"]), b"done 95\\n")
os.execvp("sleep", words)'
"""


def test_it_joins_another_process_group() -> None:
    found = script(ELSEWHERE, 77, ["--limit", "end=1s"])
    assert "cannot use the buffer: EOPNOTSUPP" in the_reason(found)


def test_it_reads_from_stdin() -> None:
    """There is nothing: it is not to wait for the terminal, or to take our input."""
    assert "has exited with 5" in the_reason(script("read line || exit 5", 77))


def test_it_floods_its_output() -> None:
    reason = the_reason(script("yes flood | head -c 3M; exit 4", 77))
    assert "has exited with 4" in reason and "flood" in reason and len(reason) < 1000


def test_what_it_prints_is_shown_as_text() -> None:
    done = run(
        *JUDGE, "--", "bash", "-c", r"printf '\33[31m\1\377]]>'; exit 6", status=77
    )
    assert "\33" not in done.stdout and "[31m" in done.stdout and "]]>" in done.stdout


def test_it_says_that_it_cannot() -> None:
    text = 'echo "done 95" >&$DMABUF_REVOKE_CONTROL; read word <&$DMABUF_REVOKE_CONTROL'
    assert "cannot use the buffer: EOPNOTSUPP" in the_reason(script(text, 77))


@pytest.mark.parametrize("word", ["done", "done -1", "done 1x", "done 99999", "exit"])
def test_what_is_no_answer_is_not_taken_for_one(word: str) -> None:
    text = f'echo "{word}" >&$DMABUF_REVOKE_CONTROL; exec sleep {LONG}'
    assert "has not mapped" in the_reason(script(text, 77, IMPATIENT))


def test_pin_that_was_given_back_makes_no_pinned_importer() -> None:
    """A driver may pin for a while: it is what it holds when it is told that counts."""
    text = f"env -u DMABUF_REVOKE_CONTROL {OURS} --kind pinned && exec {OURS}"
    found = script(text, 0, ["--scenario", "suspend-restore", "--clause", "I5,I6"])
    assert verdicts(found) == {"I5": "SKIP", "I6": "PASS"}, found


def test_it_does_not_speak() -> None:
    """What it does is judged all the same; it cannot be asked to go on."""
    found = verdicts(judge(COMMAND, "attach", status=0, more=SILENT))
    assert found["I4"] == found["I9"] == "PASS" and "FAIL" not in found.values()


def test_it_leaves_children_that_have_the_buffer() -> None:
    text = f"setsid sleep {LONG} & sleep {LONG} & {COMMAND} attach"
    found = verdicts(script(text, 0, SILENT))
    assert found["I9"] == found["I17"] == "PASS" and "FAIL" not in found.values()


@pytest.mark.parametrize(
    "end", ["kill -SEGV $$; kill -SEGV $BASHPID", "exit 1", f"exec sleep {LONG}"]
)
def test_it_does_not_answer(end: str) -> None:
    """Who ends when it is asked says nothing of a driver; who sleeps may do so in the driver."""
    options = ["--json", "--limit", "answer=1s,end=1s"]
    done = subprocess.run(
        [COMMAND, *JUDGE, *options, "--", "bash", "-c", SPEAKING % end],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON,
    )
    found = verdicts(json.loads(done.stdout))
    assert found.pop("I17") in (
        ["PASS"] if "sleep" not in end else ["FAIL", "UNKNOWN", "PASS"]
    )
    assert found["I4"] == "PASS" and "FAIL" not in found.values()
    assert done.returncode == (1 if '"FAIL"' in done.stdout else 0)


def test_no_program(tmp_path: Path) -> None:
    for words, errno in (["dbr-nope"], "ENOENT"), ([str(tmp_path)], "EACCES"):
        done = run(*JUDGE, "--", *words, status=1)
        assert errno in done.stderr and not done.stdout
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["--junit", "--svg", "--perfetto"])
def test_file_that_cannot_be_written(tmp_path: Path, option: str) -> None:
    """It is said before anything runs."""
    marker = tmp_path / "ran"
    path = f"{tmp_path}/nope/x"
    done = run(*JUDGE, option, path, "--", "touch", str(marker), status=1)
    assert path in done.stderr and "ENOENT" in done.stderr
    assert not marker.exists()


def test_full_disk() -> None:
    done = run(*JUDGE, "--junit", "/dev/full", "--", "false", status=1)
    assert "ENOSPC" in done.stderr and "Nothing could be judged" in done.stdout


USAGE = {
    "--scenario nope": "nope",
    "--scenario ,": '""',
    "--clause I99": "I99",
    "--clause i4": "i4",
    "--scenario revoke-twice --clause I8": "no scenario",
    "--repeat 0": "--repeat 0",
    "--repeat -1": "-1",
    "--json --ktap": "--json or --ktap",
    "--limit nope=1s": "nope=1s",
    "--limit unmap": "unmap",
    "--limit unmap=": "unmap=",
    "--limit unmap=0": "unmap=0",
    "--limit unmap=forever": "forever",
    "--limit unmap=1s,": "",
    "--size 0": "--size 0",
    "--nope": "--nope",
}


@pytest.mark.parametrize("options", USAGE)
def test_usage(options: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    status = 77 if options.endswith(",") and "limit" in options else 2
    words = ["touch", str(marker)]
    done = run(
        "test-importer", *options.split(), "--", *words, status=status, limit=10 * SOON
    )
    if status == 2:
        assert USAGE[options] in done.stderr and "--help" in done.stderr
        assert not done.stdout and not marker.exists()


def test_no_arguments() -> None:
    assert "program" in run("test-importer", status=2).stderr
    assert "program" in run("test-importer", "--", status=2).stderr


def test_modules_missing() -> None:
    done = run(*JUDGE, "--", "true", status=77, before=hiding())
    assert "modprobe dmabuf_revoke_exporter" in done.stderr and not done.stdout


def test_no_root() -> None:
    done = run(*JUDGE, "--", "true", status=1, before=NOBODY)
    assert "EACCES" in done.stderr and not done.stdout


def test_no_root_but_the_node() -> None:
    """A user of the group that has the exporter's node."""
    done = run(*JUDGE, "--", "true", status=77, before=[*hiding("exporter"), *NOBODY])
    assert "run as root" in done.stderr and not done.stdout


def test_list_needs_nothing() -> None:
    out = run("test-importer", "--list", before=[*hiding(), *NOBODY]).stdout
    assert "revoke-mapped" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "text", [f"exec sleep {LONG}", f"exec {COMMAND} attach --stream"]
)
def test_signal_while_it_runs(tmp_path: Path, number: int, text: str) -> None:
    """What there is, is reported, and that it is not all."""
    more = ["--json", "--repeat", "1000", "--limit", "import=1h,end=1s"]
    with Fifo(tmp_path) as said:
        words = ["bash", "-c", f"echo $$ >{said.path}; {text}"]
        process = Process(*JUDGE, *more, "--", *words)
        said.line()
    document = json.loads(process.end(number, status=1))
    assert "interrupted" in document["cut_short"]
    assert document["findings"] and "FAIL" not in verdicts(document).values()


GROUPS = Path("/sys/fs/cgroup")


def groups() -> list[str]:
    """Of judges."""
    return [path.name for path in GROUPS.glob("dmabuf-revoke-judge-*")]


def test_what_it_leaves_of_memory_limits_the_next_one_removes(tmp_path: Path) -> None:
    if "memory" not in (GROUPS / "cgroup.controllers").read_text("ascii").split():
        pytest.skip("no memory controller: boot with cgroup_enable=memory")
    (GROUPS / "cgroup.subtree_control").write_text("+memory", "ascii")
    with Fifo(tmp_path) as said:
        words = ["bash", "-c", f"echo $$ >{said.path}; exec sleep {LONG}"]
        more = ["--scenario", "memory-limit", "--limit", "import=1h"]
        process = Process("test-importer", *more, "--", *words)
        said.line()
    process.end(signal.SIGKILL, status=-signal.SIGKILL)
    assert len(groups()) == 1
    run(*JUDGE, "--", "true", status=77)
    assert not groups()


def test_log_alone_is_a_verdict_on_what_was_tried() -> None:
    only = ["--clause", "LOG"]
    assert verdicts(judge(OURS, status=0, more=only)) == {"LOG": "PASS"}
    assert verdicts(judge("true", status=77, more=only)) == {"LOG": "PASS"}


def test_it_dies_with_us(tmp_path: Path) -> None:
    with Fifo(tmp_path) as said:
        words = ["bash", "-c", f"echo $$ >{said.path}; exec sleep {LONG}"]
        process = Process(*JUDGE, "--limit", "import=1h", "--", *words)
        program = os.pidfd_open(int(said.line()))
    process.end(signal.SIGKILL, status=-signal.SIGKILL)
    assert select.select([program], [], [], SOON)[0]
    os.close(program)
    # The next one removes what it has left in tracefs.
    run(*JUDGE, "--", "true", status=77)


def test_one_in_a_container_leaves_ours_alone(tmp_path: Path) -> None:
    """There our number is nobody's; the trace is in the same tracefs."""
    with Fifo(tmp_path) as said:
        words = ["bash", "-c", f"echo $$ >{said.path}; exec sleep {LONG}"]
        process = Process(*JUDGE, "--limit", "import=1h,end=1s", "--", *words)
        said.line()
    (ours,) = left_in_tracefs()
    run(*JUDGE, "--", "true", status=77, before=CONTAINER)
    recording = (TRACEFS / f"instances/{ours}/tracing_on").read_text(encoding="ascii")
    process.end(signal.SIGTERM, status=1)
    assert recording == "1\n"
