# SPDX-License-Identifier: GPL-2.0-only
"""The test suite: C programs and pytest modules, judged together with the kernel.

It runs in the guest and, the same, on a developer's box, as root:

    make programs
    DBR_BIN=build/tests python3 -m pytest tests -ra

DBR_BIN is the directory of the built test programs (default: build/tests of this tree). Both
modules are loaded if they are not; where they cannot be loaded, nothing runs.

Every case of a C program is an item of its own. Around every item there are gates: what the
kernel logs (gates/kernel_log.py), what is left behind (gates/counts.py), and on a debug kernel
how the DMA API is used (gates/detectors.py). An item that does not pass them has failed, whatever it
said itself.

The clauses of the contract are markers: -m E3 (and -k E3_ by name). tests/host is about the
guest runner and needs none of this, tests/gates/provoke about the detectors of a debug kernel;
both are only collected when they are asked for by name.
"""
from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.failnth import points
from tests.gates import detectors
from tests.gates.around import Gates
from tests.gates.counts import MODULES
from tests.lib import coverage, ioctls, modules, shard
from tests.lib.cases import Program, is_program
from tests.lib.clauses import CLAUSES, clauses_of
from tests.lib.parameters import Parameters

HERE = Path(__file__).parent
HOST = HERE / "host"
#: Run by their own command only: they need no modules, or spoil the kernel.
APART = (HOST, HERE / "gates" / "provoke")
#: Its cases have to fail, for test_red.py.
FAILING = HERE / "gates" / "failing.c"


@functools.cache
def is_apart(path: Path) -> bool:
    return any(directory in path.parents for directory in APART)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shard", metavar="N/OF", help="only this part of the suite, such as 1/2"
    )
    parser.addoption(
        "--survey",
        action="store_true",
        help="judge also drivers that take long or spoil this kernel, see drivers/test_survey.py",
    )


def pytest_configure(config: pytest.Config) -> None:
    for clause, meaning in CLAUSES.items():
        config.addinivalue_line("markers", f"{clause}: {meaning}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path not in APART:
        return None
    asked = [(config.invocation_params.dir / arg).resolve() for arg in config.args]
    if any(collection_path in (path, *path.parents) for path in asked):
        return None
    return True


def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    if file_path.suffix != ".c" or file_path == FAILING or not is_program(file_path):
        return None
    program: pytest.Collector = Program.from_parent(parent, path=file_path)
    return program


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc] # pluggy 1.0 has no types
def pytest_collection_modifyitems(
    items: list[pytest.Item], config: pytest.Config
) -> Iterator[None]:
    for item in items:
        if isinstance(item, pytest.Function) and not is_for_host(item):
            for clause in clauses_of(item.name):
                item.add_marker(clause)
    # What the detectors say comes last. Where there are some, -k cannot leave that out.
    last = [item for item in items if item.path.name == "test_detectors.py"]
    others = [item for item in items if item not in last]
    stay = bool(others) and detectors.KMEMLEAK.exists()
    items[:] = others if stay else others + last
    if config.option.shard:
        shard.select(items, config.option.shard, config)
    yield
    if stay and items:
        items += last


def is_for_host(item: pytest.Item) -> bool:
    return HOST in item.path.parents


def load_modules() -> None:
    """Load both; end the session if that is not possible."""
    command = ["modprobe", "-a", *MODULES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        message = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        message = str(error)
    if message:
        pytest.exit(
            f"the modules cannot be loaded: {message}\n"
            "Install them (make dkms-install) and run the suite as root.",
            returncode=3,
        )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a failed test has left unloaded is not to fail all that come after it."""
    if not is_apart(item.path):
        modules.load_what_is_missing()


def pytest_runtestloop(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    if not all(is_for_host(item) for item in session.items):
        points.begin()
        detectors.start()
        load_modules()


def pytest_sessionfinish() -> None:
    coverage.save()
    points.save()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    lines = list(points.report())
    if lines:
        terminalreporter.section("points of failure")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def gates(request: pytest.FixtureRequest) -> Iterator[None]:
    """The gates around a test function; those of a C case are in lib/cases.py."""
    if is_apart(request.node.path):
        yield
        return
    around = Gates(request.node.nodeid)
    yield
    wrong = around.close()
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def exporter() -> Iterator[int]:
    file = ioctls.open_node(ioctls.EXPORTER)
    yield file
    os.close(file)


@pytest.fixture
def set_parameter() -> Iterator[Parameters]:
    parameters = Parameters()
    yield parameters
    parameters.restore()
