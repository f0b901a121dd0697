# SPDX-License-Identifier: GPL-2.0-only
"""Runs programs of the fuzzer (tests/random/fuzz.c), judges them and the kernel, shortens failures.

In a guest, from the directory above tests/:

    python3 -m tests.random.run run FILE...
    python3 -m tests.random.run soak --seed 1 --minutes 5

``run`` ends with 1 and the reason if a program fails; ``soak`` runs one seed after the other
until the time is up or one fails, and shortens that. scripts/guest/fuzz/ does this for `make fuzz`.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

from tests.devices.lib.function import DRIVER, EDU
from tests.gates import detectors
from tests.gates.around import Gates
from tests.gates.counts import MODULES, counts, settle
from tests.lib import modules, pci
from tests.lib.cases import program_directory

from .shorten import Program, minimise

#: Makes the gates let through what the core, and the DMA-API checks, warn about once.
NAME = "fuzz_warns_vmap_warns_overlap"

#: Seconds: no operation blocks for longer than 50 ms by itself, and after 30 s at one of them
#: the referee ends the program. So this is for a referee that cannot.
START = 120.0
OF_AN_OPERATION = 0.05
PATIENT = float(os.environ.get("DBR_PATIENCE", "1"))
HANGS = "its referee hangs"

#: Seconds that shortening may take: in the guest of a soak, which has an end of its own; in a test,
#: whose guest is given up, and the program lost, after 300 s in which pytest has said nothing.
IN_A_SOAK = 400.0 * PATIENT
IN_A_TEST = 200.0 * PATIENT

#: Other threads decide whether a program fails: times that it is tried.
TRIES = 3

#: Milliseconds that an operation may take, so that many programs may hang.
QUICK = ("--bound", "2000")

#: The driver that makes a channel of the kernel's DMA engine of edu (tests/devices/edu).
ENGINE = "dbr_edu"

#: Of the program of a seed: one lane, or processes of four threads.
ALONE = ("--threads", "0")
BESIDE = ("--threads", "4")

_SPEED = re.compile(r"^operations=(\d+) seconds=([\d.]+)", re.MULTILINE)
_TALLY = re.compile(r"^(\w+) +(\d+) +(\d+)(?: |$)", re.MULTILINE)


class Outcome(NamedTuple):
    """How a program ended. ``wrong`` is empty if all is well, else the reason.

    ``signature`` is the reason without what differs from run to run: numbers. ``line`` is the one
    that failed, if the executor knows.
    """

    wrong: str
    output: str
    line: int = 0

    @property
    def signature(self) -> str:
        first = self.wrong.splitlines()[0] if self.wrong else ""
        return re.sub(r"0x[0-9a-f]+|\d+", "N", first)

    @property
    def operations(self) -> int:
        found = _SPEED.search(self.output)
        return int(found[1]) if found else 0

    @property
    def seconds(self) -> float:
        found = _SPEED.search(self.output)
        return float(found[2]) if found else 0.0

    @property
    def succeeded(self) -> dict[str, int]:
        """How often each operation succeeded."""
        return {name: int(n) for name, _, n in _TALLY.findall(self.output)}


@contextmanager
def with_function() -> Iterator[None]:
    """A PCI function for programs to attach on behalf of, where there is one to spare.

    With its own channel where the tests have a driver for that, beside what the importer does.
    """
    free = [each for each in pci.functions() if each.id == EDU and not each.driver]
    if not free:
        yield
        return
    loads = ["modprobe", "-q", ENGINE]
    has_channel = not subprocess.run(loads, check=False).returncode
    try:
        with free[-1].driven_by(ENGINE if has_channel else DRIVER):
            yield
    finally:
        if has_channel:
            modules.unload(ENGINE)


def execute(arguments: Sequence[str], operations: int) -> Outcome:
    """Run the executor, without gates. What it had is gone afterwards, unless something is wrong."""
    before = counts()
    # No pipe: that would have an end only when nobody has it, and who hangs in the kernel keeps it.
    with tempfile.TemporaryFile("w+", encoding="ascii", errors="replace") as file:
        status: int | None
        try:
            status = subprocess.run(
                [program_directory() / "random" / "fuzz", *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=PATIENT * (START + OF_AN_OPERATION * operations),
            ).returncode
        except subprocess.TimeoutExpired:
            status = None
        file.seek(0)
        output = file.read()
    # Who dies, dies by and by: whoever counts next is not to count that.
    settle(before)
    if status == 0:
        return Outcome("", output)
    if status == 1:
        wrong = output.rstrip().splitlines()[-1]
        found = re.search(r"line (\d+):", wrong)
        return Outcome(wrong, output, int(found[1]) if found else 0)
    wrong = HANGS if status is None else f"it ended with status {status}"
    return Outcome(wrong, output)


def judge(arguments: Sequence[str], operations: int) -> Outcome:
    """Run the executor; the gates have their say."""
    gates = Gates(NAME)
    outcome = execute(arguments, operations)
    wrong = gates.close()
    if detectors.LOCKDEP.exists() and not detectors.lockdep_is_on():
        wrong.append("lockdep has turned itself off")
    if outcome.wrong:
        wrong.insert(0, outcome.wrong)
    return outcome._replace(wrong="\n".join(wrong))


def _words(seed: int, operations: int, shape: Sequence[str]) -> list[str]:
    return ["--seed", str(seed), "--operations", str(operations), *shape]


def text_of(seed: int, operations: int, shape: Sequence[str] = ()) -> Program:
    """The program of a seed."""
    done = subprocess.run(
        [
            program_directory() / "random" / "fuzz",
            *_words(seed, operations, shape),
            "--print",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(done.stdout.splitlines())


def judge_text(
    program: Program, options: Sequence[str] = (), gates: bool = True
) -> Outcome:
    """The same for a program as text; without ``gates`` the executor alone decides."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".fuzz") as file:
        file.write("\n".join(program) + "\n")
        file.flush()
        run_it = judge if gates else execute
        return run_it(["--run", file.name, *options], len(program))


def reproducer(
    program: Program,
    found: Outcome,
    options: Sequence[str] = (),
    limit: int = 400,
    seconds: float = IN_A_TEST,
) -> Program:
    """The program, shortened in this kernel; as it was if it does not fail here again."""
    end = time.monotonic() + seconds
    if found.wrong.endswith("it hangs"):
        options = (*options, *QUICK)

    def fails_now(candidate: Program) -> bool:
        # Where the executor has found it there is no need for the gates, which take long.
        outcome = judge_text(candidate, options, gates=not found.line)
        return outcome.signature == found.signature

    def fails(candidate: Program) -> bool:
        tries = TRIES if any(re.match(r"\d", line) for line in candidate) else 1
        # Who watches the guest is to see that it does not hang.
        print(f"{len(candidate)} lines", flush=True)
        return time.monotonic() < end and any(
            fails_now(candidate) for _ in range(tries)
        )

    # What comes after the failure is left out at once, if that is known.
    for lines in dict.fromkeys([program[: found.line or None], program]):
        try:
            return minimise(lines, fails, limit)
        except ValueError:
            continue
    return program


def report(outcome: Outcome, program: Program, options: Sequence[str] = ()) -> str:
    """What a person needs: the reason, the program, how to run it."""
    words = " ".join(["fuzz --run -", *options])
    text = "\n".join(program)
    return f"{outcome.wrong}\n\n{words} <<'EOF'\n{text}\nEOF"


def check(
    seed: int, operations: int, shape: Sequence[str] = (), options: Sequence[str] = ()
) -> Outcome:
    """Run a seed; if it fails, ``output`` is the report with a short program."""
    outcome = judge([*_words(seed, operations, shape), *options], operations)
    if not outcome.wrong:
        return outcome
    program = text_of(seed, operations, shape)
    short = reproducer(program, outcome, options)
    return outcome._replace(output=report(outcome, short, options))


def _save(name: str, text: str) -> None:
    results = Path(os.environ.get("DBR_RESULTS", "."))
    (results / name).write_text(f"{text}\n", encoding="ascii", errors="replace")


def soak(
    seed: int, minutes: float, total: int, operations: int, options: Sequence[str]
) -> int:
    """One seed after the other. 1 when one fails: its program is in the results."""
    end = time.monotonic() + 60 * minutes
    done, seconds, first = 0, 0.0, seed
    while time.monotonic() < end and (not total or done < total):
        print(f"seed {seed}", flush=True)
        outcome = judge([*_words(seed, operations, ()), *options], operations)
        done += outcome.operations
        seconds += outcome.seconds
        if outcome.wrong:
            program = text_of(seed, operations)
            # As long as it was, in case that shortening it ends this guest.
            _save("long.fuzz", "\n".join(program))
            _save("reason", f"{outcome.wrong}\n{outcome.output}")
            print(f"{outcome.wrong}\nshortening...", flush=True)
            short = reproducer(program, outcome, options, seconds=IN_A_SOAK)
            if len(short) < len(program):
                _save("short.fuzz", "\n".join(short))
            print(report(outcome, short, options), flush=True)
            return 1
        seed += 1
    print(f"seeds {first} to {seed - 1}: {done} operations in {seconds:.0f} s", end="")
    print(f", {done / max(seconds, 1e-3):.0f} per second")
    leaks = detectors.leaks() if detectors.KMEMLEAK.exists() else []
    if leaks:
        _save("reason", "\n".join(leaks))
        print("\n".join(leaks))
    return 1 if leaks else 0


def run(paths: Sequence[str], options: Sequence[str]) -> int:
    """Each program of these files; 1 if one fails."""
    status = 0
    for path in paths:
        text = Path(path).read_text(encoding="ascii")
        outcome = judge_text(tuple(text.splitlines()), options)
        print(f"{path}: {outcome.wrong or 'all is well'}")
        print(f"signature: {outcome.signature}", flush=True)
        status = 1 if outcome.wrong else status
    return status


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.random.run")
    parser.add_argument("verb", choices=["run", "soak"])
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--minutes", type=float, default=5.0, metavar="M")
    parser.add_argument("--total", type=int, default=0, metavar="OPERATIONS")
    parser.add_argument("--operations", type=int, default=2000, metavar="N")
    parser.add_argument("--option", action="append", default=[], metavar="WORD")
    chosen = parser.parse_args(arguments)
    subprocess.run(["modprobe", "-a", *MODULES], check=True)
    detectors.start()
    with with_function():
        if chosen.verb == "run":
            return run(chosen.files, chosen.option)
        return soak(
            chosen.seed, chosen.minutes, chosen.total, chosen.operations, chosen.option
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
