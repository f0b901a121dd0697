# SPDX-License-Identifier: GPL-2.0-only
"""The command's verb watch, shown recordings that are files."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parent / "recordings"

Event = dict[str, Any]

ORIGIN: Event = {"dmabuf_revoke_watch": 1, "kernel": "7.3.4", "clock": "monotonic"}


def watch(
    compiled: Path, recording: Path, *options: str, status: int = 0
) -> subprocess.CompletedProcess[str]:
    command = [str(compiled / "tools/dmabuf-revoke"), "watch", "--from"]
    done = subprocess.run(
        [*command, str(recording), *options],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == status, done.stdout[-2000:] + done.stderr
    return done


def named(name: str) -> Path:
    return RECORDINGS / f"{name}.jsonl"


def events_of(recording: Path) -> list[Event]:
    return [json.loads(line) for line in recording.read_text().splitlines()[1:]]


def record(path: Path, *events: Event, origin: Event = ORIGIN) -> Path:
    """A recording of these, in the file at @path."""
    lines = [json.dumps(line) for line in (origin, *events)]
    path.write_text("\n".join(lines) + "\n")
    return path


def summary(compiled: Path, recording: Path) -> dict[str, Any]:
    document = json.loads(watch(compiled, recording, "--summary", "--json").stdout)
    assert isinstance(document, dict)
    return document
