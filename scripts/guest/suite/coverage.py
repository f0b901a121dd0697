# SPDX-License-Identifier: GPL-2.0-only
"""What of both modules the suite has run: a table per file, HTML, and a verdict.

The counts come out of guests whose kernel has gcov (tests/lib/coverage.py). The compiler's
notes, which say what a count belongs to, are kept with the modules (image/modules.py), and
gcovr runs in the guest's tree, where that compiler's gcov is.
"""
from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from ..errors import RunnerError
from ..image import base, modules
from ..kernels import Kernel
from ..machine import session
from ..output.console import result, say
from ..settings import Settings, cache_directory
from ..tree import cache, chroot

#: Of all lines, in percent.
MINIMUM = 95.0

#: Below the source: the lines that the suite does not run, under their reasons.
UNREACHED = "tests/controls/unreached.txt"

_SCRIPT = """
cd /{source}
for run in /runs/*; do
    find . -name '*.gcda' -delete
    cp -r $run/. .
    gcovr --root . --json /runs/${{run##*/}}.json
done
gcovr --root . $(printf -- ' -a %s' /runs/*.json) --json /out/coverage.json \\
    --txt /out/coverage.txt --html-details /out/index.html
"""


@dataclass(frozen=True, order=True)
class Line:
    """A line of code, named so that edits elsewhere do not change the name.

    ``nth`` tells it from others of the same text in that function.
    """

    file: str
    function: str
    text: str
    nth: int = 1

    def __str__(self) -> str:
        again = f" #{self.nth}" if self.nth > 1 else ""
        return f"{self.file}: {self.function}: {self.text}{again}"


@dataclass
class Counts:
    """Lines of code per file, and those of them that did not run."""

    total: dict[str, int] = field(default_factory=dict)
    missed: list[Line] = field(default_factory=list)

    @property
    def percent(self) -> float:
        lines = sum(self.total.values())
        return 100.0 * (lines - len(self.missed)) / lines if lines else 0.0

    def table(self) -> Iterator[str]:
        """A line per file and one for all."""
        missed = [line.file for line in self.missed]
        rows = [(name, self.total[name], missed.count(name)) for name in self.total]
        rows.append(("all", sum(self.total.values()), len(missed)))
        yield f"{'file':32} {'lines':>6} {'run':>6} {'%':>6}"
        for name, lines, left in rows:
            share = 100.0 * (lines - left) / lines if lines else 0.0
            yield f"{name:32} {lines:6} {lines - left:6} {share:6.1f}"


def parse(report: str, source: Path) -> Counts:
    """gcovr's JSON, with the text of the lines out of ``source``."""
    counts = Counts()
    for file in json.loads(report)["files"]:
        name = file["file"]
        text = (source / name).read_text().splitlines()
        starts = {f["lineno"]: f["name"] for f in file["functions"]}
        lines = [line for line in file["lines"] if not line.get("gcovr/noncode")]
        counts.total[name] = len({line["line_number"] for line in lines})
        ran = {line["line_number"] for line in lines if line["count"]}
        seen: Counter[tuple[int, str]] = Counter()
        for number in sorted({line["line_number"] for line in lines}):
            start = max((begin for begin in starts if begin <= number), default=0)
            code = text[number - 1].strip()
            seen[start, code] += 1
            if number not in ran:
                function = starts.get(start, "-")
                counts.missed.append(Line(name, function, code, seen[start, code]))
    return counts


def known(text: str) -> dict[Line, str]:
    """The lines of ``UNREACHED`` and their reasons. RunnerError if it cannot be read."""
    found: dict[Line, str] = {}
    reason = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if match := re.fullmatch(r"\[(.+)\]", line):
            reason = match[1]
        elif match := re.fullmatch(r"(\S+): ([\w-]+): (.*?)(?: #(\d+))?", line):
            file, function, code, nth = match.groups()
            found[Line(file, function, code, int(nth or 1))] = reason
        else:
            raise RunnerError(f"{UNREACHED}:{number}: neither a reason nor a line")
        if not reason:
            raise RunnerError(f"{UNREACHED}:{number}: a line without a reason")
    return found


def judge(counts: Counts, expected: dict[Line, str]) -> list[str]:
    """What is wrong; nothing, if all is well."""
    wrong = [f"not run: {line}" for line in counts.missed if line not in expected]
    if counts.percent < MINIMUM:
        wrong.append(
            f"{counts.percent:.1f} % of the lines, {MINIMUM:g} % are asked for"
        )
    return wrong


def surplus(counts: Counts, expected: dict[Line, str]) -> list[Line]:
    """The lines that ran, although ``expected`` says that they do not."""
    return sorted(set(expected) - set(counts.missed))


def collect(
    kernel: Kernel, settings: Settings, results: list[Path], out: Path
) -> Counts:
    """Merge what the guests with these results counted; write the reports to ``out``.

    RunnerError if there is nothing to merge, or what gcovr says.
    """
    runs = [path / "gcov" for path in results if (path / "gcov").is_dir()]
    if not runs:
        raise RunnerError("no guest has counted what ran; run: make check-debug")
    top = cache_directory()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with cache.locked(top, kernel.name), tempfile.TemporaryDirectory() as name:
        entry = base.prepare(top, kernel)
        release = session.release_of(entry)
        made = modules.prepare(kernel, settings.source, top, entry, release)
        scratch = Path(name)
        source = scratch / "source"
        shutil.copytree(made / "notes", source)
        for number, run in enumerate(runs):
            shutil.copytree(run, scratch / "runs" / str(number))
        script = _SCRIPT.format(source=modules.SOURCE.lstrip("/"))
        binds = {
            modules.SOURCE.lstrip("/"): source,
            "runs": scratch / "runs",
            "out": out,
        }
        chroot.run("gcovr", top / "mnt", entry, script, binds)
        return parse((out / "coverage.json").read_text(), source)


def report(kernel: Kernel, settings: Settings, results: list[Path]) -> list[str]:
    """Print the table and write all reports; what is wrong, or nothing.

    RunnerError if there is nothing to report.
    """
    out = settings.source / "build" / "coverage"
    counts = collect(kernel, settings, results, out)
    expected = known((settings.source / UNREACHED).read_text())
    for row in counts.table():
        result(f"[coverage] {row}")
    for line in surplus(counts, expected):
        say(f"[coverage] run, though {UNREACHED} has it: {line}")
    say(f"[coverage] {out / 'index.html'}")
    return judge(counts, expected)
