# SPDX-License-Identifier: GPL-2.0-only
"""Child processes that never outlive the runner, and whose failures are one message."""
from __future__ import annotations

import os
import subprocess
import threading
from typing import Any, Sequence

from .errors import RunnerError

_children: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start ``command``; it is killed when this process ends, however it ends."""
    try:
        child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command], **options
        )
    except FileNotFoundError as error:
        raise RunnerError(f"cannot start {error.filename}: not installed") from error
    with _lock:
        _children.add(child)
    return child


def finish(child: subprocess.Popen[bytes]) -> int:
    """Wait for ``child`` and return its status, negative for a signal."""
    status = child.wait()
    with _lock:
        _children.discard(child)
    return status


def kill_all() -> None:
    """Kill every child that is still running."""
    with _lock:
        for child in _children:
            child.kill()


def require(*programs: str) -> None:
    """Raise RunnerError unless all ``programs`` can be found."""
    path = os.environ.get("PATH", os.defpath).split(":") + ["/usr/sbin", "/sbin"]
    missing = [
        program
        for program in programs
        if not any(os.access(os.path.join(part, program), os.X_OK) for part in path)
    ]
    if missing:
        raise RunnerError(
            f"not installed: {', '.join(missing)}; run: python3 scripts/guest setup"
        )


def run(what: str, command: Sequence[str], lines: int = 40, **options: Any) -> str:
    """Run ``command`` and return its output, both streams as one text.

    A failure raises RunnerError with ``what`` and the last ``lines`` lines.
    """
    child = start(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
    try:
        raw, _ = child.communicate()
    except BaseException:
        child.kill()
        raise
    finally:
        status = finish(child)
    text = raw.decode(errors="replace")
    if status != 0:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        tail = "\n".join(text.splitlines()[-lines:])
        raise RunnerError(f"{what} failed ({how}):\n{tail}".rstrip())
    return text
