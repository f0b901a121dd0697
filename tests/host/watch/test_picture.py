# SPDX-License-Identifier: GPL-2.0-only
"""The timeline as text."""
from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path

from ..sample import REPOSITORY
from .command import Event, named, record, watch


def bars(text: str) -> dict[str, str]:
    """By how rows begin, up to the name: what 32 columns show."""
    head = next(line for line in text.splitlines() if line.startswith("WHO"))
    at = len("WHO") + len(head[3:]) - len(head[3:].lstrip())
    rows = text.partition(head)[2].split("\n\n")[0].splitlines()[1:]
    return {row[:at].split(":")[0].strip(): row[at : at + 32].rstrip() for row in rows}


def test_demo(compiled: Path) -> None:
    text = watch(compiled, named("demo")).stdout
    assert "buffer 1: dmabuf-revoke-exporter, 1 MiB, inode 9\n" in text
    assert "0 is the first invalidation, at 30.168710 s\n" in text
    assert bars(text) == {
        "exporter dmabuf-revoke-exporter": "-=========wwwwwwwwwwwwww--------",
        "resv lock": " ==========",
        "not attached": " " * 28 + "X",
        "importer 1": "#########U------------------XD",
        "importer 2": "#########I##############U---XD",
        "importer 3": "##U---------------------------D",
        "fences 1": "##########",
        "fences 2": "########################",
        "fences 3": "###",
        "CPU": "          ZS                X",
    }
    assert (
        "  9.4 ms  77.0 us 18.2 ms?   18.6 ms    dynamic; map: ENODEV (2 times)" in text
    )


def test_lock_held_over_a_wait(compiled: Path) -> None:
    text = watch(compiled, named("vfio")).stdout
    found = bars(text)
    assert found["exporter vfio_pci_dmabuf"].count("W") > 25
    assert found["resv lock"].count("!") > 8
    assert "held 303.5 ms by vfio/138" in text
    assert "waited for 121.4 ms by vfio/143" in text
    assert "importer 1: 0000:00:03.0" in text and "dynamic; map: EINVAL" in text


def test_the_page_shows_what_is_printed(compiled: Path) -> None:
    page = (REPOSITORY / "docs/watch/timeline.md").read_text()
    for options in ("", " --summary"):
        line = f"# dmabuf-revoke watch --from vfio.jsonl{options}\n"
        shown = watch(compiled, named("vfio"), *options.split()).stdout
        printed = "\n".join(row.rstrip() for row in shown.rstrip().splitlines())
        assert f"{line}{printed}\n" in page


def test_it_is_always_the_same(compiled: Path) -> None:
    texts = {watch(compiled, named("misbehaving")).stdout for _ in range(3)}
    assert len(texts) == 1


def test_whole(compiled: Path) -> None:
    text = watch(compiled, named("demo"), "--whole").stdout
    found = bars(text)
    assert found["importer 1"].startswith("  ")
    assert "m" in found["CPU"] and "f" in found["CPU"]


def test_buffers_by_choice(compiled: Path, tmp_path: Path) -> None:
    events: list[Event] = [
        {"what": "export", "time_ns": 1000 + b, "buffer": b, "name": "x"}
        for b in range(1, 41)
    ]
    events.append(
        {"what": "invalidate", "time_ns": 5000, "begin_ns": 4000, "buffer": 30}
    )
    recording = record(tmp_path / "r", *events)
    text = watch(compiled, recording).stdout
    assert text.count("\nbuffer ") == 16 and "\nbuffer 30: x\n" in text
    assert "24 more buffers: --buffer N shows one, --summary all" in text
    text = watch(compiled, recording, "--buffer", "40").stdout
    assert text.count("\nbuffer ") == 1 and "\nbuffer 40: x\n" in text
    assert "Nothing of a dma-buf" in watch(compiled, recording, "--buffer", "99").stdout


def test_nothing_was_recorded(compiled: Path, tmp_path: Path) -> None:
    text = watch(compiled, record(tmp_path / "r")).stdout
    assert text == "Nothing of a dma-buf was recorded.\n"
    assert "not_known" in watch(compiled, tmp_path / "r", "--summary", "--json").stdout


def test_names_do_nothing_to_a_terminal(compiled: Path, tmp_path: Path) -> None:
    where = {"buffer": 1, "attach": 1, "comm": "\x1b[2Jx"}
    events: list[Event] = [
        {"what": "export", "time_ns": 1, "name": "a\x1b[31m\x9b\r\nb", **where},
        {"what": "attach", "time_ns": 2, "device": "\x07\x08", **where},
        {"what": "lock", "time_ns": 9, "begin_ns": 5, **where},
        {"what": "mark", "time_ns": 9, "name": "\x1b", **where},
    ]
    recording = record(tmp_path / "r", *events)
    views: list[list[str]] = [[], ["--summary"], ["--summary", "--json"], ["--json"]]
    for options in views:
        text = watch(compiled, recording, *options).stdout
        assert not set(text) & {chr(c) for c in (*range(10), *range(11, 32), 0x9B)}


def test_the_bars_are_as_wide_as_the_terminal(compiled: Path) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 188, 0, 0))
    command = [str(compiled / "tools/dmabuf-revoke"), "watch", "--from"]
    subprocess.run([*command, str(named("vfio"))], stdout=follower, check=True)
    text = os.read(leader, 100000).decode()
    os.close(leader)
    os.close(follower)
    (head,) = [line for line in text.splitlines() if line.startswith("WHO")]
    assert head.index(" ms TOLD") + 3 - head.index("-20.4") == 100
