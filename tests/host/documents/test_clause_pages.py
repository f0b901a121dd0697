# SPDX-License-Identifier: GPL-2.0-only
"""Each clause that is judged has its place in docs/judging/clauses.md, and in the contract."""
from __future__ import annotations

import re

from ..sample import REPOSITORY

PAGE = REPOSITORY / "docs/judging/clauses.md"
#: What is no clause of the contract.
LOG = "LOG"


def judged() -> dict[str, str]:
    text = (REPOSITORY / "tools/judge/finding/clauses.c").read_text()
    return dict(re.findall(r'^\t\{ "(\w+)", "([^"]*)" \},$', text, re.M))


def explained(text: str) -> dict[str, tuple[str, str]]:
    """By heading: the clause in a sentence, and what is said of it."""
    found = {}
    for part in re.split(r"^#+ ", text, flags=re.M):
        match = re.match(r"([EI]\d+|LOG)\n\n\*(.*)\.\*\n\n(.*)", part, re.S)
        if match:
            found[match[1]] = match[2], match[3]
    return found


def wrong(text: str) -> list[str]:
    pages, clauses = explained(text), judged()
    found = [f"{name}: not judged" for name in pages if name not in clauses]
    for name, sentence in clauses.items():
        said, more = pages.get(name, ("", ""))
        if said != sentence[:1].upper() + sentence[1:]:
            found.append(f"{name}: {said!r} is not {sentence!r}")
        lines = len(more.strip().splitlines())
        if not 3 <= lines <= 10 or "Judged" not in more or "Mend:" not in more:
            found.append(f"{name}: {lines} lines")
    return found


def test_every_clause_has_its_place() -> None:
    assert len(judged()) > 30 and LOG in judged()
    assert wrong(PAGE.read_text()) == []


def test_they_are_in_the_order_of_the_contract() -> None:
    names = list(judged())
    assert list(explained(PAGE.read_text())) == names
    contract = (REPOSITORY / "docs/contract.md").read_text()
    listed = re.findall(r"^\| ([EI]\d+) \|", contract, re.M)
    assert [name for name in listed if name in names] == names[:-1]
    assert names[-1] == LOG


def test_the_command_leads_there() -> None:
    code = (REPOSITORY / "tools/judge/report/groups.c").read_text()
    assert f'"{PAGE.relative_to(REPOSITORY)}#"' in code


def test_control_a_missing_one_is_noticed() -> None:
    text = PAGE.read_text()
    assert wrong(text.replace("## I14\n", "## I15\n")) != []
    assert wrong(text.replace("DMA stays inside", "DMA remains inside")) != []
    assert wrong(re.sub(r"(## I7\n\n[^\n]*\n\n).*?\n\n", r"\1", text, flags=re.S)) != []
