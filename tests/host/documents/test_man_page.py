# SPDX-License-Identifier: GPL-2.0-only
"""The man page and the completion say the same as --help, and both are installed."""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ..sample import REPOSITORY

MAN_PAGE = REPOSITORY / "tools/dmabuf-revoke.8"
COMPLETION = REPOSITORY / "tools/dmabuf-revoke.bash-completion"

#: Of a verb: what follows the options, and options with what they take.
Verb = tuple[str, dict[str, str]]


@pytest.fixture(scope="module")
def installed(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What make install makes."""
    top = tmp_path_factory.mktemp("install")
    subprocess.run(
        ["make", "-s", "-C", str(REPOSITORY / "tools"), "install"]
        + [f"BUILD={compiled}", f"DESTDIR={top}/root", "PREFIX=/usr"],
        check=True,
    )
    return top / "root/usr"


def help_of(installed: Path, *verb: str) -> str:
    command = [str(installed / "bin/dmabuf-revoke"), *verb, "--help"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def verbs_of_help(installed: Path) -> dict[str, Verb]:
    text = help_of(installed).partition("\nOptions:\n")[0]
    found: dict[str, Verb] = {}
    for verb in re.findall(r"^  ([\w-]+) ", text, re.M):
        shown = help_of(installed, verb)
        usage = re.match(rf"Usage: dmabuf-revoke {verb} \[OPTION\]\.\.\.(.*)\n", shown)
        assert usage, shown
        options = re.findall(r"^  --([\w-]+)(?: ([A-Z]+))? ", shown, re.M)
        found[verb] = bare(usage[1]), {name: value.lower() for name, value in options}
    return found


def bare(arguments: str) -> str:
    """Arguments without what tells optional and repeated ones."""
    return re.sub(r"[][.\s]|\b(?:Ar|Op|Li)\b", "", arguments).lower()


def options_of_man_page(text: str) -> dict[str, str]:
    found = re.findall(r"^\.It Fl -([\w-]+)(?: Ar (\w+))?$", text, re.M)
    return dict(found)


def verbs_of_man_page(text: str) -> dict[str, Verb]:
    section = re.split(r"^\.Sh ", text, flags=re.M)
    (verbs,) = [part for part in section if part.startswith("VERBS\n")]
    common, *parts = re.split(r"^\.Ss ", verbs, flags=re.M)
    found: dict[str, Verb] = {}
    for part in parts:
        verb, _, arguments = part.partition("\n")[0].partition(" ")
        options = {**options_of_man_page(common), **options_of_man_page(part)}
        found[verb] = bare(arguments), options
    return found


def complete(completion: Path, *words: str) -> list[str]:
    """What it offers for the last of these words after the command."""
    script = (
        'source "$1"; shift; COMP_WORDS=(dmabuf-revoke "$@"); COMP_CWORD=$#; '
        '_dmabuf_revoke; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "-c", script, "bash", str(completion), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not done.stderr
    return done.stdout.split()


def options_of_completion(completion: Path, verb: str) -> set[str]:
    return set(complete(completion, verb, "--"))


def differences(installed: Path, man_page: str, completion: Path) -> list[str]:
    """Where one of the three says something else; nothing, if all is well."""
    real = verbs_of_help(installed)
    manual = verbs_of_man_page(man_page)
    offered = complete(completion, "")
    wrong = [
        f"{verb}: man page has {manual.get(verb)}, help has {real.get(verb)}"
        for verb in sorted(real.keys() | manual.keys())
        if manual.get(verb) != real.get(verb)
    ]
    wrong += sorted({*offered} ^ {*real, "--help", "--version"})
    for verb in real:
        options = {f"--{name}" for name in real[verb][1]}
        wrong += sorted(options ^ options_of_completion(completion, verb))
    return wrong


def test_all_three_say_the_same(installed: Path) -> None:
    verbs = verbs_of_help(installed)
    assert len(verbs) >= 8 and verbs["alloc"][0] == "size--programargument"
    assert verbs["move"][1] == {
        "resume": "n",
        "one-chunk": "",
        "shuffle": "seed",
        "timeout": "duration",
        "json": "",
        "help": "",
    }
    assert not differences(installed, MAN_PAGE.read_text(), COMPLETION)


CHANGES = [
    (".Ss list\n", ".Ss lists\n"),
    (".It Fl -timeout Ar duration\n", ""),
    (".It Fl -timeout Ar duration\n", ".It Fl -timeout\n"),
    (".It Fl -stream\n", ".It Fl -streams\n"),
    (".It Fl -json\n", ""),
    (".Ss show Op Ar id\n", ".Ss show Op Ar number\n"),
    (".Ss doctor\n", ".Ss doctor\nSay.\n.Ss nurse\n"),
]


@pytest.mark.parametrize("old, new", CHANGES)
def test_control_a_wrong_man_page_is_noticed(
    installed: Path, old: str, new: str
) -> None:
    text = MAN_PAGE.read_text()
    assert old in text
    assert differences(installed, text.replace(old, new), COMPLETION)


@pytest.mark.parametrize(
    "old, new",
    [
        ("test-exporter doctor --help", "test-exporter --help"),
        ("test-exporter doctor --help", "test-exporter doctor nurse --help"),
        ("echo --one-chunk --shuffle --resume --timeout ;;", ";;"),
        ("--defer-unmap ", "--defer-unmaps "),
        ("echo --json --help", "echo --help"),
    ],
)
def test_control_a_wrong_completion_is_noticed(
    installed: Path, tmp_path: Path, old: str, new: str
) -> None:
    changed = tmp_path / "completion"
    text = COMPLETION.read_text()
    assert old in text
    changed.write_text(text.replace(old, new))
    assert differences(installed, MAN_PAGE.read_text(), changed)


def test_exit_statuses_are_those_of_help(installed: Path) -> None:
    shown = help_of(installed).partition("Exit status: ")[2]
    section = MAN_PAGE.read_text().partition(".Sh EXIT STATUS\n")[2]
    section = section.partition(".El")[0]
    listed = re.findall(r"^\.It (\d+)$", section, re.M)
    assert listed == re.findall(r"\b(\d+) [a-z]", shown)


def named_in_environment(text: str) -> dict[str, set[str]]:
    """Of each variable, the verbs that set it or read it."""
    section = text.partition(".Sh ENVIRONMENT\n")[2].partition("\n.Sh ")[0]
    found: dict[str, set[str]] = {}
    for part in re.split(r"^(?=Set by$)", section, flags=re.M):
        before, *entries = re.split(r"^\.It Ev (?=\w)", part, flags=re.M)
        for entry in entries:
            named = re.findall(r"^\.Ic ([\w-]+)", before + entry, re.M)
            found[entry.split()[0]] = set(named)
    return found


@pytest.mark.parametrize("name", ["DMABUF_REVOKE_FD", "DMABUF_REVOKE_CONTROL"])
def test_variables_are_those_of_help(installed: Path, name: str) -> None:
    named = named_in_environment(MAN_PAGE.read_text())[name]
    speaking = {
        verb for verb in verbs_of_help(installed) if name in help_of(installed, verb)
    }
    assert speaking and not speaking - named


def test_man_page_is_clean() -> None:
    command = ["mandoc", "-Tlint", "-Wwarning", str(MAN_PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_completion_offers_values_that_the_command_takes(installed: Path) -> None:
    kinds = re.search(r"--kind KIND +[^:]*: (.*)", help_of(installed, "attach"))
    assert kinds
    assert complete(COMPLETION, "attach", "--kind", "") == kinds[1].split(", ")
    for value in complete(COMPLETION, "revoke", "1", "--timeout", ""):
        assert help_of(installed, "revoke", "1", "--timeout", value)
    assert complete(COMPLETION, "attach", "--fd", "") == []
    groups = re.search(
        r"GROUPs are ([\w, ]+) and\s+(\w+);", help_of(installed, "bench")
    )
    assert groups
    known = groups[1].split(", ") + [groups[2]]
    assert complete(COMPLETION, "bench", "alloc", "") == known


def test_completion_of_files_and_programs(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    assert complete(COMPLETION, "demo", f"{tmp_path}/") == [f"{tmp_path}/one"]
    assert "true" in complete(COMPLETION, "alloc", "4k", "--", "tru")
    assert complete(COMPLETION, "alloc", "4k") == []


def test_completion_is_for_the_command() -> None:
    script = f"source {COMPLETION}; complete -p dmabuf-revoke"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert b"-F _dmabuf_revoke" in done.stdout


def test_make_install(installed: Path) -> None:
    found = {
        str(path.relative_to(installed)): path.stat().st_mode & 0o777
        for path in installed.rglob("*")
        if path.is_file()
    }
    assert found == {
        "bin/dmabuf-revoke": 0o755,
        "bin/dmabuf-revoke-offsets": 0o755,
        "include/dmabuf_revoke.h": 0o644,
        "share/man/man8/dmabuf-revoke.8": 0o644,
        "share/man/man8/dmabuf-revoke-offsets.8": 0o644,
        "share/bash-completion/completions/dmabuf-revoke": 0o644,
        "share/pkgconfig/dmabuf-revoke.pc": 0o644,
    }
