# SPDX-License-Identifier: GPL-2.0-only
"""The completion as far as it asks the modules; the rest is in tests/host/documents."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.lib.places import TOP

from .run import COMMAND, held, no_process_left

__all__ = ["no_process_left"]  # a fixture

COMPLETION = TOP / "tools/dmabuf-revoke.bash-completion"


def complete(*words: str) -> list[str]:
    """What it offers for the last of these words."""
    script = (
        'source "$1"; shift; COMP_WORDS=(dmabuf-revoke "$@"); COMP_CWORD=$#; '
        '_dmabuf_revoke; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(COMPLETION), *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_names_of_bugs_are_offered_one_after_the_other() -> None:
    assert complete("attach", "--misbehave", "ig") == ["ignore"]
    assert complete("attach", "--misbehave", "ignore,skip") == [
        "ignore,skip-kernel-fence"
    ]
    offered = complete("attach", "--misbehave", "")
    done = subprocess.run(
        [COMMAND, "attach", "--misbehave", "?"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ", ".join(offered) in done.stderr


def test_ids_of_buffers_are_offered() -> None:
    with held("4k") as (first, _), held("4k") as (second, _):
        ids = [str(first["id"]), str(second["id"])]
        for verb in ("show", "revoke", "suspend", "free", "move", "export"):
            assert sorted(complete(verb, "")) == sorted(ids)
            assert complete(verb, ids[1]) == [ids[1]]
    assert complete("revoke", "") == []
