# SPDX-License-Identifier: GPL-2.0-only
"""Once per build of a debug kernel: does each of its detectors find what it is for?

tests/gates/provoke has the bugs and what has to be reported of them. Each group has a guest of its
own, since most provocations leave a kernel that reports nothing more.
"""
from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from ..image import base
from ..kernels import Kernel
from ..machine import session
from ..output.console import GuestStream, say
from ..settings import Settings, cache_directory
from ..tree import cache
from .results import Totals
from .runs import judge
from .watch import Watch

#: The groups of tests/gates/provoke/test_bugs.py, as pytest's -k names them.
BOOTS = ["boot1", "boot2", "boot3", "boot4"]

#: Below tests/gates/: whoever has to notice.
GATES = ["detectors.py", "around.py", "kernel_log.py"]


def _verdicts(kernel: Kernel, settings: Settings) -> cache.Store:
    top = cache_directory()
    with cache.locked(top, kernel.name):
        return cache.Store(base.prepare(top, kernel) / "provoked")


def _key(settings: Settings) -> str:
    """Depends on the provocations, and on the gates that have to notice them."""
    gates = settings.source / "tests/gates"
    files = [gates / name for name in GATES]
    files += (path for path in (gates / "provoke").iterdir() if path.is_file())
    return cache.hash_files({str(path.relative_to(gates)): path for path in files})


def known(kernel: Kernel, settings: Settings) -> int:
    """How many provocations were noticed by this very kernel and suite; 0: not tried."""
    entry = _verdicts(kernel, settings).get(_key(settings))
    return int(json.loads((entry / "count").read_text())) if entry else 0


def remember(kernel: Kernel, settings: Settings, count: int) -> None:
    """All of them were."""
    store = _verdicts(kernel, settings)
    with cache.locked(cache_directory(), kernel.name):
        if not store.get(_key(settings)):
            write = partial(_write, count)
            store.make(_key(settings), write)


def _write(count: int, entry: Path) -> None:
    (entry / "count").write_text(json.dumps(count))


def job(boot: str) -> session.Job:
    """What runs one group in a guest."""
    script = (
        f"cd {session.HOME} && exec python3 guest/pytest_gate.py tests/gates/provoke"
        f' -ra -p no:cacheprovider -k {boot} --junitxml="$DBR_RESULTS/junit.xml"\n'
    )
    return session.Job(script, gate=True)


def run(
    kernel: Kernel, settings: Settings, results: Path, name: str, prefix: str
) -> Totals:
    """All groups, one after the other; the verdict is kept if all is well."""
    total = Totals()
    for boot in BOOTS:
        with Watch(f"{name}.{boot}", GuestStream(prefix), "") as watch:
            outcome = session.run(kernel, settings, job(boot), watch.feed)
        session.save(results / f"{name}.{boot}", outcome)
        if outcome.lost:
            session.report_loss(name, outcome, settings.verbose)
            total.add(Totals(errors=1))
            continue
        junit = outcome.files.get("junit.xml")
        total.add(judge(name, outcome.status, junit, False))
    if total.good:
        remember(kernel, settings, total.passed)
        say(f"[{name}] {total.passed} provocations were noticed")
    return total
