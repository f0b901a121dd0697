# SPDX-License-Identifier: GPL-2.0-only
"""What the runner decides without a guest."""
from __future__ import annotations

import io
import lzma
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest

from guest import kernels
from guest.image import base as image, modules
from guest.machine import accel, trace, vm
from guest.suite import check, results, runs
from guest.tree import archive
from guest.cli import job_of, parser
from guest.tree.cpio import Archive
from guest.errors import RunnerError
from guest.settings import Settings
from guest.suite.results import Totals

from ..sample import REPOSITORY, make_source


def junit(*cases: str) -> bytes:
    inner = "".join(f'<testcase name="t">{case}</testcase>' for case in cases)
    return f"<testsuites><testsuite>{inner}</testsuite></testsuites>".encode()


SKIP = '<skipped type="pytest.skip" message="no such device"/>'
XFAIL = '<skipped type="pytest.xfail" message="known"/>'
FAILURE = '<failure message="m"/>'
LINES = (
    '<failure message="revoke.c:187: ENOENT at 3&#10;revoke.c:188: not so: ok&#10;"/>'
)
ERROR = '<error message="m"/>'


def test_totals_add_up_over_several_files() -> None:
    total = Totals(seconds=14.21)
    total.add(results.from_junit(junit("", "", SKIP)))
    total.add(results.from_junit(junit("", SKIP, XFAIL, FAILURE, ERROR)))
    expected = "===== 1 failed, 3 passed, 2 skipped, 1 xfailed, 1 error in 14.21s ====="
    assert results.closing_line(total) == expected
    assert total.reasons == {"no such device": 2}
    assert not total.good


TESTS = """
import pytest

@pytest.fixture
def broken():
    yield
    assert False

@pytest.fixture
def hopeless():
    assert False

def test_passes(): pass
def test_fails(): assert False
def test_passes_with_teardown(broken): pass
def test_fails_with_teardown(broken): assert False
def test_skips_with_teardown(broken): pytest.skip("why")
def test_without_setup(hopeless): pass
@pytest.mark.xfail
def test_xfails(): assert False
"""


def test_totals_are_pytests_own(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "--junitxml=junit.xml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    ours = results.closing_line(
        results.from_junit((tmp_path / "junit.xml").read_bytes())
    )
    theirs = done.stdout.splitlines()[-1]
    assert ours.strip("= ").split(" in ")[0] == theirs.strip("= ").split(" in ")[0]


@pytest.mark.parametrize(
    ("totals", "line"),
    [
        (Totals(0, 131, 2, seconds=14.21), "131 passed, 2 skipped in 14.21s"),
        (Totals(passed=1, errors=2, seconds=1), "1 passed, 2 errors in 1.00s"),
        (Totals(passed=1, seconds=75.3), "1 passed in 75.30s (0:01:15)"),
        (Totals(seconds=0.5), "no tests ran in 0.50s"),
    ],
)
def test_closing_line_has_pytests_form(totals: Totals, line: str) -> None:
    assert results.closing_line(totals) == f"===== {line} ====="


@pytest.mark.parametrize(
    ("status", "text", "partial", "good"),
    [
        (0, junit(""), False, True),
        (0, junit(SKIP), False, True),
        (1, junit("", FAILURE), False, False),
        (5, junit(), False, False),
        (5, junit(), True, False),  # nothing ran, so nothing is good either
        (0, junit(), False, False),
        (0, None, False, False),
        (2, junit(""), False, False),  # interrupted after a test that passed
        (3, None, False, False),
        (1, b"<cut short", False, False),
    ],
)
def test_a_run_is_good_only_if_tests_ran_and_pytest_agrees(
    status: int, text: bytes | None, partial: bool, good: bool
) -> None:
    assert runs.judge("kernel", status, text, partial).good is good


def test_a_selection_may_match_nothing_on_one_kernel() -> None:
    total = runs.judge("one", 5, junit(), True)
    total.add(runs.judge("other", 0, junit(""), True))
    assert total.good


def test_the_verdict_ends_with_what_failed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    totals = {
        "one": runs.judge("one", 1, junit("", SKIP, FAILURE), False),
        "c": runs.judge("c", 1, junit(LINES), False),
        "two": runs.judge("two", 2, junit(*[ERROR] * (check.SHOWN + 3)), False),
        "three": runs.judge("three", 3, junit(""), False),
    }
    totals["three"].notes.append("started again")
    totals["three"].seconds = 2.5
    assert check.verdict(totals, 1.0) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[:3] == [
        "[one] skipped 1: no such device",
        "[one] failed: tests::t: m",
        "[c] failed: tests::t: revoke.c:187: ENOENT at 3 revoke.c:188: not so: ok",
    ]
    assert lines[-8:-5] == [
        "[two] failed: 3 more",
        "[three] failed: pytest ended with status 3",
        "[three] note: started again",
    ]
    assert lines[-2] == "[three] 1 passed, 1 error in 2.50s"
    assert lines[-1] == "===== 2 failed, 2 passed, 1 skipped, 24 errors in 1.00s ====="


def test_the_slow_guests_begin_but_do_not_wait_for_each_other() -> None:
    chosen = [kernels.TABLE[name] for name in ("7.3", "6.1", "7.3-debug")]

    def names(some: list[kernels.Kernel], jobs: int) -> list[str]:
        return [share.name for share in check.in_order(some, jobs)]

    assert names(chosen, 1) == ["7.3-debug.1", "7.3-debug.2", "7.3", "6.1"]
    assert names(chosen, 2) == ["7.3-debug.1", "7.3", "7.3-debug.2", "6.1"]
    assert names(chosen, 3) == ["7.3-debug.1", "7.3", "6.1", "7.3-debug.2"]
    assert names(chosen[:2], 2) == ["7.3", "6.1"]
    assert len(names(chosen[2:], 2)) == 2


def test_what_waits_takes_no_seat_and_leaves_none() -> None:
    both = threading.Barrier(2)
    order: list[str] = []
    seats = threading.Semaphore()

    def waits(name: str, prefix: str) -> Totals:
        both.wait(60)
        return Totals(passed=1)

    def computes(name: str, prefix: str) -> Totals:
        order.append(name)
        if name == "first":
            both.wait(60)
        assert seats.acquire(blocking=False), "two at once"
        time.sleep(0.05)
        seats.release()
        return Totals(passed=2)

    names = ("first", "second", "third", "fourth")
    parts: dict[str, check.Part] = dict.fromkeys(names, computes)
    done = check._run_all(parts, {"waits": waits}, 1)
    assert list(done) == ["waits", *parts] and order == list(parts)
    assert sum(totals.passed for totals in done.values()) == 9


def test_what_waits_is_left_out_of_what_computes() -> None:
    (share,) = check.those_that_wait(list(kernels.TABLE.values()))
    kernel = share.kernel
    assert kernel.name == kernels.DEFAULT
    assert all(each.part == kernel.part for each in check.shares(kernel))
    left_out = kernel.part.removeprefix("not ")
    assert kernel.part == f"not {left_out}" and share.part.startswith(left_out)


def test_a_part_says_how_long_it_took() -> None:
    start = time.monotonic()
    totals = check._safely("name", lambda: Totals(passed=1))
    assert 0 < totals.seconds <= time.monotonic() - start


def runner(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "scripts/guest"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_unknown_kernel_is_refused_with_the_known_ones() -> None:
    done = runner("run", "--kernel", "2.4", "true")
    assert done.returncode == 1
    assert "unknown kernel '2.4'" in done.stderr
    assert all(name in done.stderr for name in kernels.TABLE)
    assert "Traceback" not in done.stderr


def test_the_hardware_of_a_row_is_in_its_machine_only() -> None:
    def line(name: str) -> list[str]:
        machine = Settings().machine_for(kernels.lookup(name))
        return vm.command(Path("image"), "tcg", machine, 3, {}, shell=False)

    words = line("7.3-iommu")
    # Devices that are there before an IOMMU go around it.
    assert words[words.index("-device") + 1].startswith("intel-iommu,")
    assert words[words.index("-cpu") + 1] == "EPYC"
    assert "intel_iommu=on iommu.strict=1" in words[words.index("-append") + 1]
    words = line("7.3-arm64-iommu")
    assert words[words.index("-machine") + 1] == "iommu=smmuv3"
    assert words.index("-M") < words.index("-machine") < words.index("-device")
    stock = line("7.3")
    assert (
        "intel-iommu" not in " ".join(stock) and stock[stock.index("-cpu") + 1] == "max"
    )


def test_options_after_the_command_belong_to_the_command() -> None:
    parsed = parser().parse_args(
        ["run", "--timeout", "5", "sh", "-c", "a b", "--kernel"]
    )
    assert (parsed.total, parsed.kernel) == (5, None)
    assert job_of(parsed.command).script == "sh -c 'a b' --kernel\n"
    parsed = parser().parse_args(["run", "--", "ls", "--", "-l"])
    assert job_of(parsed.command).script == "ls -- -l\n"


def test_one_word_is_a_shell_command_and_several_are_arguments() -> None:
    assert job_of(["echo a; echo b"]).script == "echo a; echo b\n"
    assert job_of(["echo", "a; b"]).script == "echo 'a; b'\n"


def test_the_kvm_probe_ends() -> None:
    start = time.monotonic()
    accel.loop_verdict()
    assert time.monotonic() - start < 20 * accel.STAGE_1_LIMIT


def test_the_verdict_on_kvm_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DMABUF_REVOKE_ACCEL", raising=False)
    monkeypatch.setattr(accel, "loop_verdict", lambda: "")
    limits: list[float] = []

    def boots(limit: float) -> bool:
        limits.append(limit)
        return False

    first = accel.choose(tmp_path, boots)
    assert first[0] == "tcg" and "came up" in first[1]
    assert accel.choose(tmp_path, boots) == first
    assert limits == [accel.STAGE_2_LIMIT]
    monkeypatch.setattr(accel, "_boot_id", lambda: "another boot of the host")
    assert accel.choose(tmp_path, lambda limit: True)[0] == "kvm"


def test_the_environment_chooses_the_accelerator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMABUF_REVOKE_ACCEL", "kvm")
    assert accel.choose(tmp_path, lambda limit: False)[0] == "kvm"
    monkeypatch.setenv("DMABUF_REVOKE_ACCEL", "xen")
    with pytest.raises(RunnerError, match="xen"):
        accel.choose(tmp_path, lambda limit: False)


def test_the_key_of_an_image_changes_with_its_inputs(
    kernel: kernels.Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = image.key(kernel, "7.3.4-1")
    assert image.key(kernel, "7.3.4-1") == first
    assert image.key(kernel, "7.3.5-1") != first
    other = kernels.Kernel("7.3", kernel.suite, kernel.kernel_suite, flavour="rt-amd64")
    assert image.key(other, "7.3.4-1") != first
    monkeypatch.setattr(image, "PACKAGES", [*image.PACKAGES, "one-more"])
    assert image.key(kernel, "7.3.4-1") != first


def test_sources_of_the_modules_leave_out_what_was_built(tmp_path: Path) -> None:
    source = make_source(tmp_path / "source")
    before = modules.sources(source, modules.PARTS)
    for name in ("exporter/main.o", "exporter/.main.o.cmd", "x.ko", "tests/more.c"):
        (source / name).write_text("")
    assert modules.sources(source, modules.PARTS) == before
    (source / "exporter/more.c").write_text("")
    assert "exporter/more.c" in modules.sources(source, modules.PARTS)


def test_modules_are_made_anew_by_another_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = modules.sources(make_source(tmp_path / "source"), modules.PARTS)
    before = modules.key(files)
    assert modules.key(files) == before
    assert Path(modules.__file__) in modules.RECIPE
    for path in modules.RECIPE:
        other = tmp_path / path.name
        other.write_bytes(path.read_bytes() + b"# other\n")
        changed = [other if each == path else each for each in modules.RECIPE]
        monkeypatch.setattr(modules, "RECIPE", changed)
        assert modules.key(files) != before
        monkeypatch.undo()


def test_a_tree_without_dkms_conf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="dkms.conf"):
        modules.sources(tmp_path, modules.PARTS)


DEB822 = """\
Types: deb
URIs: http://one.example/debian
Suites: nodistro

Types: deb
Enabled: no
URIs: http://two.example/debian
Suites: bookworm

Types: deb deb-src
# a comment
URIs: http://three.example/debian/
Suites: trixie
 trixie-updates
"""


def test_the_mirror_is_the_hosts_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEBIAN_MIRROR", raising=False)
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    with pytest.raises(RunnerError, match="DEBIAN_MIRROR"):
        archive.mirror(tmp_path)
    (parts / "debian.sources").write_text(DEB822)
    assert archive.mirror(tmp_path) == "http://three.example/debian"
    line = "# deb http://x/ sid main\ndeb [signed-by=/k] http://four.example/d bookworm main\n"
    (tmp_path / "sources.list").write_text(line)
    assert archive.mirror(tmp_path) == "http://four.example/d"
    monkeypatch.setenv("DEBIAN_MIRROR", "http://five.example/")
    assert archive.mirror(tmp_path) == "http://five.example"


def test_the_archive_is_asked_once_a_day(
    tmp_path: Path, kernel: kernels.Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: Iterator[str | OSError] = iter(["1", OSError("offline"), "3"])
    now = [1_800_000_000.0]

    def fetch(base: str, suite: str, package: str, architecture: str) -> str:
        assert architecture == kernel.arch.debian
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(archive, "fetch_version", fetch)
    monkeypatch.setattr("time.time", lambda: now[0])
    seen = []
    for hours in (0, 23, 2, 0.5, 1):
        now[0] += hours * 3600
        seen.append(archive.kernel_version(tmp_path, kernel))
    assert seen == ["1", "1", "1", "1", "3"]


def test_the_newest_version_in_an_index_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """apt takes that one; which comes first is by chance."""
    index = tmp_path / "dists/sid/main/binary-amd64/Packages.xz"
    index.parent.mkdir(parents=True)
    rows = [("linux", "9.1-1"), ("linux-source", "7.2.6-1"), ("linux-source", "7.10-1")]
    rows += [("linux-source", "7.3.4-1"), ("linux-source-7.3", "8.0-1")]
    text = "\n".join(f"Package: {name}\nVersion: {v}\n" for name, v in rows)
    index.write_bytes(lzma.compress(text.encode()))
    base = tmp_path.as_uri()
    assert archive.fetch_version(base, "sid", "linux-source", "amd64") == "7.10-1"
    assert archive.fetch_version(base, "sid", "linux", "amd64") == "9.1-1"
    with pytest.raises(ValueError, match="gcc is not in sid"):
        archive.fetch_version(base, "sid", "gcc", "amd64")


def tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as writer:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            writer.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_results_that_are_cut_short_are_none() -> None:
    whole = tar(status=b"0\n", junit=b"x" * 5000)
    assert vm.read_results(whole) == {"status": b"0\n", "junit": b"x" * 5000}
    for length in (0, 512, 1024, 1536, 3000, 7168):
        assert vm.read_results(whole[:length]) == {}


def test_a_cpio_is_what_cpio_reads(tmp_path: Path) -> None:
    (tmp_path / "sub/__pycache__").mkdir(parents=True)
    (tmp_path / "sub/file").write_text("content")
    (tmp_path / "sub/link").symlink_to("file")
    made = Archive()
    made.tree("/opt/x", tmp_path, frozenset({"__pycache__"}))
    made.data("/opt/x/run", b"#!/bin/sh\n", 0o755)
    two = made.content() + Archive().content()
    command = ["cpio", "-itv", "--quiet"]
    listed = subprocess.run(command, input=two, capture_output=True, check=True).stdout
    lines = [line.split() for line in listed.decode().splitlines()]
    assert [(line[0], line[8]) for line in lines] == [
        ("drwxr-xr-x", "opt"),
        ("drwxr-xr-x", "opt/x"),
        ("drwxr-xr-x", "opt/x/sub"),
        ("-rw-r--r--", "opt/x/sub/file"),
        ("lrwxrwxrwx", "opt/x/sub/link"),
        ("-rwxr-xr-x", "opt/x/run"),
    ]


CONSOLE = """\
[    1.0] boring
[    2.0] Kernel panic - not syncing: NMI: Not continuing
[    2.1] RIP: 0010:dbr_wait+0xf/0x20
[    2.1] RAX: 0000000000000000 RBX: 0000000000000000 RCX: 00000000ffffffff
[    2.2] task:kthreadd  state:S stack:0     pid:2     tgid:2     ppid:0      flags:0x8
[    2.2]  kthreadd+0x1
[    2.3] task:kworker   state:S stack:0     pid:3     tgid:3     ppid:2      flags:0x8
[    2.3]  worker_thread+0x1
[    2.4] task:sh        state:S stack:0     pid:99    tgid:99    ppid:1      flags:0x8
[    2.4]  dbr_ioctl+0x1
[    2.5] Sched Debug Version: v0.11
[    2.5]   .nr_running : 0
[    2.6] NMI backtrace for cpu 0
"""


def test_the_excerpt_of_a_console_is_what_matters() -> None:
    shown = trace.excerpt(CONSOLE.replace("\n", "\r\n"))
    for wanted in ("Kernel panic", "dbr_wait", "dbr_ioctl", "NMI backtrace"):
        assert wanted in shown
    for noise in ("RAX", "kthreadd", "worker_thread", "nr_running"):
        assert noise not in shown
    assert trace.panic_reason(CONSOLE) == "NMI: Not continuing"
    logged = "[    2.0] dmabuf-revoke test x[Kernel panic - not syncing: y]: begin\n"
    assert not trace.panic_reason(logged)


@pytest.mark.parametrize(
    "console, words",
    [
        (CONSOLE, "at dbr_wait+0xf/0x20"),
        ("SeaBIOS\r\nBooting\r\n\r\n", "its console ends with: Booting"),
        ("", "its console is empty"),
    ],
)
def test_a_loss_says_where_the_guest_was(console: str, words: str) -> None:
    assert trace.whereabouts(console) == words
