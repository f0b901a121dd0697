# SPDX-License-Identifier: GPL-2.0-only
"""Whatever is in a recording, the command stays within its memory and its bounds."""
from __future__ import annotations

import json
import os
import random
import resource
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from ..sample import REPOSITORY
from . import svg, tracks
from .command import ORIGIN, Event, record
from .test_lines import words

VIEWS: list[list[str]] = [
    [],
    ["--summary"],
    ["--summary", "--json"],
    ["--json"],
    ["--whole"],
]
TEXTS = ["", "x", "y" * 90, "<&>\"'\x01\x1b[31m", "\U0001f600" * 20, "\ud800"]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command with the compiler's checks of addresses and of undefined behaviour."""
    build = tmp_path_factory.mktemp("checked")
    flags = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
    command = ["make", "-s", f"-j{os.cpu_count()}", "-C", str(REPOSITORY / "tools")]
    subprocess.run([*command, f"BUILD={build}", f"CFLAGS={flags}"], check=True)
    return build


def random_event(chance: random.Random, most: int) -> Event:
    """Any members at all, of few buffers, so that they have to do with each other."""
    event: Event = {"what": chance.choice(words())}
    for key in ("time_ns", "begin_ns"):
        event[key] = chance.choice([chance.randrange(most), 0, 2**64 - 1])
    for key in ("buffer", "attach", "context", "seqno", "pid", "locked", "guessed"):
        event[key] = chance.randrange(4)
    for key in ("device", "name", "comm"):
        event[key] = chance.choice(TEXTS)
    event["result"] = chance.choice([0, 0, -19, -4095, 7])
    event["usage"] = chance.choice([0, 3, -7])
    event["size"] = chance.choice([0, 4096, 2**64 - 1])
    event["unfinished"] = chance.choice([0, 0, 1])
    return {key: value for key, value in event.items() if value not in (0, "")}


def show(build: Path, recording: Path, top: Path, *options: str) -> str:
    command = [str(build / "tools/dmabuf-revoke"), "watch", "--from", str(recording)]
    files = ["--svg", f"{top}/p.svg", "--perfetto", f"{top}/p.json"]
    done = subprocess.run(
        [*command, *files, *options], capture_output=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8")


@pytest.mark.parametrize("seed", range(6))
def test_random_events(checked: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    most = chance.choice([100, 10**9, 2**64 - 1])
    events = [random_event(chance, most) for _ in range(600)]
    recording = record(tmp_path / "r", *events)
    for options in VIEWS:
        text = show(checked, recording, tmp_path, *options)
        assert "\x1b" not in text
    assert svg.faults(svg.read(tmp_path / "p.svg")) == []
    assert tracks.read((tmp_path / "p.json").read_text())[1] == []
    # What it writes it reads again, and then it is the same.
    again = tmp_path / "again"
    again.write_text(show(checked, recording, tmp_path, "--json"))
    assert show(checked, again, tmp_path) == show(checked, recording, tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_broken_bytes(checked: Path, tmp_path: Path, seed: int) -> None:
    """It may refuse them, and no more."""
    chance = random.Random(seed)
    events = [random_event(chance, 10**6) for _ in range(20)]
    good = record(tmp_path / "r", *events).read_bytes()
    command = [str(checked / "tools/dmabuf-revoke"), "watch", "--from", "-"]
    for _ in range(60):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        data = data[: chance.choice([len(data), chance.randrange(len(data))])]
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        assert done.returncode in (0, 1), done.stderr.decode(errors="replace")


def millions(path: Path, count: int, events: Iterator[Event]) -> Path:
    with path.open("w") as file:
        file.write(json.dumps(ORIGIN) + "\n")
        for _, event in zip(range(count), events):
            file.write(json.dumps(event) + "\n")
    return path


def of_one_buffer() -> Iterator[Event]:
    """All that looks for something else: spans, holds, fences, in no order."""
    at: Event = {"buffer": 1, "attach": 1}
    number = 0
    while True:
        number += 8
        time = {"time_ns": 10**9 - 100 * number}
        begin = {**time, "begin_ns": time["time_ns"] - 5000}
        yield {"what": "lock", **begin, **at}
        yield {"what": "fence_wait", "locked": 1, **begin, **at}
        yield {"what": "contend", **begin, **at}
        yield {"what": "told", **begin, **at}
        yield {"what": "fence_add", "context": 1, "seqno": number, **time, **at}
        yield {"what": "fence_signal", "context": 1, "seqno": number - 8, **time}
        yield {"what": "map", **time, **at}
        yield {"what": "cpu_begin", "pid": number, **time, **at}


def of_many_buffers() -> Iterator[Event]:
    number = 0
    while True:
        number += 1
        at: Event = {"time_ns": number, "buffer": number, "attach": number}
        yield {"what": "attach", "device": f"d{number}", **at}
        yield {"what": "pin", "result": -(number % 4095), **at}


#: Beyond the list's 2^20 events; the rest is counted.
TOO_MANY = 2**20 + 1000
GIB = 2**30


@pytest.mark.whole
@pytest.mark.parametrize("kind", [of_one_buffer, of_many_buffers])
def test_millions_of_events(compiled: Path, tmp_path: Path, kind: Any) -> None:
    recording = millions(tmp_path / "r", TOO_MANY, kind())
    command = [str(compiled / "tools/dmabuf-revoke"), "watch", "--from", str(recording)]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB))
        resource.setrlimit(resource.RLIMIT_CPU, (120, 120))

    for options in (["--svg", f"{tmp_path}/p.svg"], ["--summary", "--json"]):
        done = subprocess.run(
            [*command, *options], preexec_fn=limit, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["recording"]["dropped"] == 1000
    # That they are missing is not lost when it is read again.
    done = subprocess.run([*command, "--json"], capture_output=True, check=True)
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["what"], last["size"]) == ("lost", 1000)
    again = subprocess.run(
        [*command[:-1], "-", "--summary", "--json"],
        input=done.stdout,
        capture_output=True,
        check=True,
    )
    assert json.loads(again.stdout)["recording"]["dropped"] == 1000
    assert (tmp_path / "p.svg").stat().st_size < 4 * 2**20


def test_control_a_wrong_access_is_noticed(checked: Path, tmp_path: Path) -> None:
    """The checks are built in."""
    program = (checked / "tools/dmabuf-revoke").read_bytes()
    assert b"__asan_report_load" in program and b"__ubsan_handle" in program
