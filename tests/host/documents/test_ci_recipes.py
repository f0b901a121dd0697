# SPDX-License-Identifier: GPL-2.0-only
"""The recipes in docs/testing/ci: that they are YAML, and have a job for every kernel there is."""
from __future__ import annotations

from typing import Any

import pytest
import yaml  # type: ignore[import]

from guest import kernels

from ..sample import REPOSITORY


def recipe(name: str) -> Any:
    return yaml.safe_load((REPOSITORY / "docs/testing/ci" / name).read_text())


def github() -> tuple[list[str], list[str]]:
    """Kernels of the matrix, and the commands."""
    job = recipe("github.yml")["jobs"]["check"]
    steps = [step["run"] for step in job["steps"] if "run" in step]
    return job["strategy"]["matrix"]["kernel"], steps


def gitlab() -> tuple[list[str], list[str]]:
    job = recipe("gitlab.yml")["check"]
    (axes,) = job["parallel"]["matrix"]
    return axes["KERNEL"], [*job["before_script"], *job["script"]]


@pytest.mark.parametrize("read", [github, gitlab])
def test_every_kernel_has_a_job(read: Any) -> None:
    names, commands = read()
    assert sorted(names) == sorted(kernels.TABLE)
    assert commands[-1].startswith("make check KERNELS=$")


@pytest.mark.parametrize("read", [github, gitlab])
def test_what_it_installs_is_what_the_readme_asks_for(read: Any) -> None:
    """Nothing but git, gcc, make and Python: the rest is scripts/setup's."""
    first = next(command for command in read()[1] if "apt-get" in command)
    assert first.split("install")[1].split() == ["git", "gcc", "make", "python3"]
