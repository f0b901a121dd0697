# SPDX-License-Identifier: GPL-2.0-only
"""What a phase took last time on this machine; kept in the cache directory."""
from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from ..settings import cache_directory


@dataclass(frozen=True)
class Took:
    """One phase from start to end; ``steps`` is 0 if nothing could be counted."""

    seconds: float
    steps: int = 0


def _place(key: str) -> Path:
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache_directory() / "took" / f"{name}.json"


def last(key: str) -> Took | None:
    """What was kept of this phase; None the first time."""
    try:
        known = json.loads(_place(key).read_text())
        return Took(float(known["seconds"]), int(known["steps"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(key: str, took: Took) -> None:
    """Let it be the last time."""
    path = _place(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
    record = {"what": key, "seconds": took.seconds, "steps": took.steps}
    temporary.write_text(json.dumps(record))
    os.replace(temporary, path)
