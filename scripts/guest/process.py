# SPDX-License-Identifier: GPL-2.0-only
"""Child processes that never outlive the runner, and whose failures are one message."""
from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import Any, Callable, Sequence

from .errors import Interrupted, RunnerError

_children: set[subprocess.Popen[bytes]] = set()
_over = False
# Of both.
_lock = threading.Lock()

#: Takes a line of output; whether it only says how far its program has come.
Step = Callable[[str], bool]


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start ``command``; it is killed when this process ends, however it ends.

    A terminal's Ctrl-C is for this process alone, unless ``start_new_session`` is False.
    Interrupted if the run is being ended.
    """
    options.setdefault("start_new_session", True)
    line = ["setpriv", "--pdeathsig", "KILL", "--", *command]
    with _lock:
        if _over:
            raise Interrupted
        try:
            child = subprocess.Popen(line, **options)
        except FileNotFoundError as error:
            raise RunnerError(
                f"cannot start {error.filename}: not installed"
            ) from error
        _children.add(child)
    return child


def finish(child: subprocess.Popen[bytes]) -> int:
    """Wait for ``child`` and return its status, negative for a signal."""
    status = child.wait()
    with _lock:
        _children.discard(child)
    return status


def kill_all() -> None:
    """Kill every child that is still running, and see it gone."""
    with _lock:
        children = list(_children)
    for child in children:
        child.kill()
        child.wait()


def end() -> None:
    """Kill every child, and let nobody start another: other threads get Interrupted."""
    global _over
    with _lock:
        _over = True
    kill_all()


def going_on() -> None:
    """Interrupted if the run is being ended, so that the end of a child says nothing."""
    with _lock:
        if _over:
            raise Interrupted


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


def run(
    what: str,
    command: Sequence[str],
    lines: int = 40,
    step: Step | None = None,
    **options: Any,
) -> str:
    """Run ``command`` and return its output, both streams as one text.

    Lines that ``step`` takes are left out. A failure raises RunnerError with ``what`` and the
    last ``lines`` lines.
    """
    child = start(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
    assert child.stdout
    kept: list[str] = []
    try:
        for raw in child.stdout:
            line = raw.decode(errors="replace")
            if not (step and step(line)):
                kept.append(line)
    except BaseException:
        child.kill()
        # Until nobody can write to it any more: all that it has started is gone, too.
        child.stdout.read()
        raise
    finally:
        child.stdout.close()
        status = finish(child)
    going_on()
    # Ctrl-C reaches a child, too, that has no session of its own yet.
    if status == -signal.SIGINT:
        raise Interrupted
    text = "".join(kept)
    if status != 0:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        tail = "\n".join(text.splitlines()[-lines:])
        raise RunnerError(f"{what} failed ({how}):\n{tail}".rstrip())
    return text
