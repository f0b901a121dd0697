# SPDX-License-Identifier: GPL-2.0-only
"""What the README shows is what is compiled and run."""
from __future__ import annotations

import re

import pytest

from ..sample import REPOSITORY

README = (REPOSITORY / "README.md").read_text()


@pytest.mark.parametrize("side", ["exporter", "importer"])
def test_examples_are_those_that_the_guest_runs(side: str) -> None:
    shown = re.findall(r"```c\n(.*?)```", README, re.S)
    assert (REPOSITORY / f"tests/interface/examples/{side}.inc").read_text() in shown


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+?)\)", README)
    assert targets
    missing = [name for name in targets if not (REPOSITORY / name).exists()]
    assert not missing


def test_make_targets_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    named = set(re.findall(r"(?:^|`|&& )make ([a-z0-9-]+)", README, re.M))
    assert {"demo", "check", "dkms-install"} <= named
    rules = re.findall(r"^([a-z][a-z0-9 -]*):", makefile, re.M)
    assert not named - set(" ".join(rules).split())
