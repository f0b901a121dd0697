# SPDX-License-Identifier: GPL-2.0-only
"""Command line of the guest runner."""
from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

from . import kernels, process
from .bench import costs, guests
from .errors import RunnerError
from .fuzz import jobs, soak
from .image import foreign
from .kernel import own, source
from .machine import session
from .output.console import GuestStream, result, say
from .settings import EXIT_LOST, REPOSITORY, Limits, Machine, Settings, cache_directory
from .suite import check, coverage, host, provoke, runs, verdicts
from .survey import run as surveys
from .tree import bootstrap, cache


def parser() -> argparse.ArgumentParser:
    """The command line's grammar; defaults are those of settings.py."""
    top = argparse.ArgumentParser(prog="scripts/guest", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    defaults = Limits()

    def verb(name: str, text: str, guest: bool = True) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        if guest:
            added.add_argument(
                "--kernel",
                action="append",
                metavar="NAME",
                help=f"one of {', '.join(kernels.TABLE)} (default: {kernels.DEFAULT}), "
                f"or {kernels.OWN}",
            )
            added.add_argument(
                "--kernel-build",
                default="",
                metavar="DIR",
                help=f"where the kernel {kernels.OWN} was built; alone, it is the one chosen",
            )
            added.add_argument(
                "--kernel-image",
                default="",
                metavar="FILE",
                help="its bzImage, vmlinux or Image (default: the first or the last there)",
            )
            added.add_argument(
                "--verbose", action="store_true", help="show kernel logs"
            )
        return added

    def boots(name: str, text: str) -> argparse.ArgumentParser:
        added = verb(name, text)
        for limit in fields(Limits):
            value = getattr(defaults, limit.name)
            more = "; more on a slow kernel"
            flags = [f"--{limit.name}-timeout"] + (
                ["--timeout"] if limit.name == "total" else []
            )
            added.add_argument(
                *flags,
                dest=limit.name,
                type=float,
                metavar="S",
                help=f"seconds until a guest counts as lost (default: {value:g}{more})",
            )
        machine = Machine()
        added.add_argument(
            "--memory", default="", metavar="SIZE", help="(what the kernel needs)"
        )
        added.add_argument("--cpus", type=int, default=machine.cpus, metavar="N")
        added.add_argument(
            "--icount",
            action="store_true",
            help="time is a count of instructions, which repeats; one CPU",
        )
        added.add_argument(
            "--append", default="", metavar="TEXT", help="for the kernel command line"
        )
        added.add_argument("--qemu-args", default="", metavar="TEXT", help="for qemu")
        return added

    setup = verb("setup", "install the host packages that are missing", guest=False)
    setup.add_argument(
        "--guest-only", action="store_true", help="not those for lint and host tests"
    )
    verb("build", "make image, modules and programs")
    run = boots("run", "run a command in a guest; exit with its status")
    run.add_argument(
        "--results", type=Path, metavar="DIR", help="keep the results here"
    )
    run.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        help="program and arguments, or one word that is a shell command",
    )
    judging = boots("judge", "judge a driver that imports or exports dma-bufs")
    judging.add_argument(
        "--module",
        action="append",
        type=Path,
        default=[],
        metavar="PATH",
        help="load it: a .ko file, or all in a directory; built for that kernel",
    )
    judging.add_argument(
        "--exporter", action="store_true", help="it exports (default: it imports)"
    )
    judging.add_argument(
        "--options", default="", metavar="TEXT", help="for test-importer, test-exporter"
    )
    judging.add_argument("--results", type=Path, metavar="DIR", help="(build/judge)")
    judging.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        help="program and arguments: a file of this machine, or what the guest has",
    )
    test = boots("check", "run the test suite in guests")
    test.add_argument("--tests", default="", metavar="EXPRESSION", help="pytest's -k")
    test.add_argument("--pytest-args", default="", metavar="TEXT", help="for pytest")
    test.add_argument("--results", type=Path, metavar="DIR", help="(build/results)")
    test.add_argument(
        "--host",
        choices=list(host.CHOICES),
        default="",
        help="run tests/host as well: without what makes packages or further images, or all, or "
        "what is of another architecture",
    )
    test.add_argument(
        "--lint",
        action="append",
        default=[],
        metavar="KERNEL",
        help="run lint as well, the modules with that kernel's headers",
    )
    test.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="guests side by side (default: CPUs)",
    )
    long = boots("fuzz", "run random programs until one fails, and shorten that")
    plan = jobs.Plan()
    long.add_argument("--seed", type=int, default=plan.seed, metavar="N")
    long.add_argument("--minutes", type=float, default=plan.minutes, metavar="M")
    long.add_argument(
        "--operations",
        type=int,
        default=plan.total,
        metavar="N",
        help="end after so many (default: by time alone)",
    )
    long.add_argument("--length", type=int, default=plan.operations, metavar="LINES")
    long.add_argument("--candidates", type=int, default=plan.candidates, metavar="N")
    long.add_argument("--option", action="append", default=[], metavar="WORD")
    long.add_argument("--results", type=Path, metavar="DIR", help="(build/fuzz)")
    measuring = boots("bench", "measure what it costs, in time and in instructions")
    measuring.add_argument(
        "--way",
        action="append",
        choices=guests.Plan().ways,
        help="only in time, or only in instructions",
    )
    measuring.add_argument("--results", type=Path, metavar="DIR", help="(build/bench)")
    measuring.add_argument(
        "--figures",
        type=Path,
        metavar="FILE",
        help="measure nothing, but judge and draw what bench --json has printed",
    )
    measuring.add_argument(
        "arguments", nargs="*", metavar="ARGUMENT", help="of bench; after --"
    )
    drivers = boots("survey", "judge all drivers, keep the verdicts, write the page")
    drivers.add_argument("--results", type=Path, metavar="DIR", help="(build/survey)")
    boots("costs", "measure, and keep, what make check-all compares costs with")
    boots("shell", "an interactive shell in a guest")
    inside = verb("chroot", "run a command in the guest's tree, the source at /src")
    inside.add_argument("command", nargs=argparse.REMAINDER)
    verb("source", "print where the kernel's checkpatch.pl is, below scripts/")
    verb("coverage", "report what of the modules the last check has run")
    verb("provoke", "let each detector of a debug kernel find a bug")
    verb("clean-cache", "remove all images, modules and programs", guest=False)
    return top


def _settings(options: argparse.Namespace) -> Settings:
    given = vars(options)
    if "boot" not in given:
        return Settings(verbose=options.verbose)
    machine = Machine(
        memory=options.memory,
        cpus=options.cpus,
        icount=options.icount,
        append=options.append,
        qemu_args=tuple(shlex.split(options.qemu_args)),
    )
    limits = {
        limit.name: given[limit.name]
        for limit in fields(Limits)
        if given[limit.name] is not None
    }
    return Settings(limits=limits, machine=machine, verbose=options.verbose)


def chosen_kernels(options: argparse.Namespace) -> list[kernels.Kernel]:
    """The rows that were asked for. RunnerError if there is no such, or one is incomplete."""
    given = options.kernel_build or options.kernel_image
    default = kernels.OWN if given else kernels.DEFAULT
    names = list(dict.fromkeys(options.kernel or [default]))
    if given and kernels.OWN not in names:
        raise RunnerError(
            f"a kernel of one's own was named, but only {', '.join(names)} chosen: "
            f"its name is {kernels.OWN}"
        )
    return [
        (
            own.kernel(options.kernel_build, options.kernel_image)
            if name == kernels.OWN
            else kernels.lookup(name)
        )
        for name in names
    ]


def _words(words: list[str]) -> list[str]:
    """A command without the "--" that may precede it."""
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        raise RunnerError("no command was given")
    return words


def job_of(words: list[str]) -> session.Job:
    """One word is a shell script already, several are a command as it is."""
    words = _words(words)
    return session.Job(f"{words[0] if len(words) == 1 else shlex.join(words)}\n")


def run(
    kernel: kernels.Kernel, settings: Settings, job: session.Job, results: Path | None
) -> int:
    """Run ``job``; its status, or EXIT_LOST when the guest was lost."""
    outcome = session.run(kernel, settings, job, GuestStream().feed)
    if results:
        session.save(results, outcome)
    if outcome.lost:
        session.report_loss(kernel.name, outcome, settings.verbose)
        return EXIT_LOST
    if settings.verbose:
        session.show_log(kernel.name, outcome)
    return outcome.status


def clean_cache() -> int:
    """Remove the cache directory and say how much that was."""
    top = cache_directory()
    tools = foreign.names(list(kernels.TABLE.values()))
    for name in [*kernels.TABLE, kernels.OWN, *tools]:
        for left in bootstrap.scratch_places(top, name):
            cache.remove(left)
    if top.exists():
        size = cache.size_of(top)
        shutil.rmtree(top)
        result(f"removed {top}: {size / 2**20:.0f} MiB")
    else:
        result(f"nothing to remove: {top} is not there")
    return 0


def _dispatch(options: argparse.Namespace) -> int:
    if options.verb == "setup":
        chosen_part = ["--guest-only"] if options.guest_only else []
        return subprocess.call([str(REPOSITORY / "scripts/setup"), *chosen_part])
    if options.verb == "clean-cache":
        return clean_cache()
    chosen = chosen_kernels(options)
    settings = _settings(options)
    if options.verb == "build":
        for kernel in chosen:
            session.build(kernel, settings)
        return 0
    if options.verb == "check":
        choice = runs.Choice(options.tests, tuple(shlex.split(options.pytest_args)))
        results = options.results or settings.source / "build" / "results"
        beside = check.Beside(options.host, tuple(options.lint))
        return check.check(chosen, settings, choice, results, beside, options.jobs)
    if options.verb == "survey":
        results = options.results or settings.source / "build" / "survey"
        return surveys.survey(chosen, settings, results, os.cpu_count() or 1)
    if len(chosen) != 1:
        raise RunnerError(f"{options.verb} takes one kernel, not {len(chosen)}")
    if options.verb == "fuzz":
        plan = jobs.Plan(
            seed=options.seed,
            minutes=options.minutes,
            total=options.operations,
            operations=options.length,
            candidates=options.candidates,
            options=tuple(options.option),
        )
        results = options.results or settings.source / "build" / "fuzz"
        return soak.fuzz(chosen[0], settings, plan, results)
    if options.verb == "bench":
        measured = guests.Plan(tuple(options.arguments), tuple(options.way or ()))
        if not options.way:
            measured = replace(measured, ways=guests.Plan().ways)
        results = options.results or settings.source / "build" / "bench"
        if options.figures:
            return guests.show_file(options.figures, results)
        return guests.bench(chosen[0], settings, measured, results)
    if options.verb == "costs":
        return costs.keep(chosen[0], settings)
    if options.verb == "coverage":
        results = settings.source / "build" / "results"
        names = [results / share.name for share in check.shares(chosen[0])]
        wrong = coverage.report(chosen[0], settings, names)
        for line in wrong:
            result(f"[coverage] {line}")
        return 1 if wrong else 0
    if options.verb == "provoke":
        results = settings.source / "build" / "results"
        if not chosen[0].fragments:
            raise RunnerError(
                f"{chosen[0].name} has no detectors; try --kernel 7.3-debug"
            )
        name = f"{chosen[0].name}.detectors"
        total = provoke.run(chosen[0], settings, results, name, "")
        return 0 if total.good else 1
    if options.verb == "source":
        if chosen[0].built:
            raise RunnerError(
                f"{chosen[0].name} is not of linux-source: choose another"
            )
        top = cache_directory()
        with cache.locked(top, chosen[0].name):
            result(str(source.prepare(top, chosen[0])))
        return 0
    if options.verb == "chroot":
        text = session.command(chosen[0], settings, _words(options.command))
        if text:
            result(text)
        return 0
    if options.verb == "judge":
        case = verdicts.Case(
            tuple(_words(options.command)),
            options.exporter,
            tuple(options.module),
            tuple(shlex.split(options.options)),
        )
        results = options.results or settings.source / "build" / "judge"
        return run(chosen[0], settings, verdicts.job(case), results)
    if options.verb == "run":
        return run(chosen[0], settings, job_of(options.command), options.results)
    return run(chosen[0], settings, session.Job(shell=True), None)


#: What ends a run in order.
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def _interrupted(number: int, frame: object) -> None:
    for each in SIGNALS:  # another one would interrupt the cleaning up
        signal.signal(each, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit status. A RunnerError is 1, an interruption 130."""
    for each in SIGNALS:
        signal.signal(each, _interrupted)
    try:
        return _dispatch(parser().parse_args(arguments))
    except RunnerError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    finally:
        process.kill_all()
