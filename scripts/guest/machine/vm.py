# SPDX-License-Identifier: GPL-2.0-only
"""One qemu process from start to end: its ports, its watchdogs, what became of it."""
from __future__ import annotations

import io
import os
import selectors
import socket
import subprocess
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from .. import process
from ..settings import Limits, Machine
from . import tsc
from .trace import panic_reason, whereabouts

# After a panic was provoked, what the kernel may take to print it, in seconds.
TRACE_LIMIT = 60.0
# A panic ends qemu as soon as it is printed, but for some early ones. So long it may be silent.
PANIC_SILENCE = 5.0
# With -icount shift=0 the time stamp counter counts instructions, and each takes 1 ns.
ICOUNT_KHZ = 1000000
# select() cannot take infinity.
LONGEST_SELECT = 3600.0
# What a guest ends its output with, once it has handed back its results.
EOT = b"\x04"
# The end of a tar.
TAR_END = bytes(1024)
# How the reason begins if the guest was lost by its boot watchdog.
NOT_UP = "boot: not up"
# The same, if its kernel said so.
PANIC = "panic: "

# panic_print: all tasks and the other CPUs' backtraces. panic=-1 with -no-reboot: a panic ends
# qemu. The watchdogs of the kernel itself are widened, since an emulated CPU may wait for a real
# one.
APPEND = """
    quiet loglevel=4 log_buf_len=4M printk.devkmsg=on
    norandmaps panic=-1 panic_print=0x41 nmi_watchdog=0
    watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60 random.trust_cpu=on
""".split()


@dataclass
class Outcome:
    """How a guest ended. ``lost`` is empty after an orderly end, else the reason."""

    lost: str = ""
    status: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    console: str = ""
    untouched: bool = True  # it was not up, or had not got all that was built
    first: Outcome | None = None  # of the guest that this one was started in place of
    boot_seconds: float = 0.0  # the guest's own uptime when it was ready
    seconds: float = 0.0  # from the moment that everything was built


def read_results(data: bytes) -> dict[str, bytes]:
    """The files of the guest's tar, none if it is cut short."""
    files: dict[str, bytes] = {}
    if not data.endswith(TAR_END):
        return files
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                handle = tar.extractfile(member) if member.isfile() else None
                if handle:
                    files[member.name.removeprefix("./")] = handle.read()
    except (tarfile.TarError, EOFError):
        return {}
    return files


def _processors(accel: str, machine: Machine) -> list[str]:
    if machine.icount:
        line = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
        return [*line, "-cpu", machine.cpu or machine.arch.cpu, "-smp", "1"]
    if accel == "kvm":
        line = ["-accel", "kvm", "-cpu", machine.cpu or "host"]
    else:
        line = ["-accel", "tcg,thread=multi", "-cpu", machine.cpu or machine.arch.cpu]
    return [*line, "-smp", str(machine.cpus)]


def _append(accel: str, machine: Machine) -> str:
    """The kernel's command line."""
    arch = machine.arch
    words = [f"console={arch.console}", *APPEND, arch.append, machine.append]
    if accel == "tcg" and arch.tsc:
        khz = ICOUNT_KHZ if machine.icount else tsc.khz()
        words += [f"tsc_early_khz={khz}"] if khz else []
    return " ".join(words).strip()


def command(
    image: Path,
    accel: str,
    machine: Machine,
    initrd: int,
    ports: dict[str, int],
    shell: bool,
) -> list[str]:
    """qemu's command line; ``initrd`` and ``ports`` are inherited descriptors."""
    arch = machine.arch
    line = [*machine.wrapper, arch.qemu]
    line += ["-M", arch.kvm_board if accel == "kvm" else arch.board]
    line += ["-nodefaults", "-no-reboot"]
    line += _processors(accel, machine)
    line += machine.hardware
    line += ["-display", "none"]
    line += ["-m", machine.memory or "1G"]
    line += ["-kernel", str(image / "vmlinux"), "-initrd", f"/dev/fd/{initrd}"]
    line += ["-append", _append(accel, machine)]
    drive = f"file={image / 'root.erofs'},if=none,id=root,format=raw,readonly=on"
    line += ["-drive", drive, "-device", "virtio-blk-pci,drive=root"]
    layer = image / "layer.erofs"
    if layer.exists():
        drive = f"file={layer},if=none,id=layer,format=raw,readonly=on"
        line += ["-drive", drive, "-device", "virtio-blk-pci,drive=layer"]
    line += ["-device", "virtio-serial-pci"]
    for name, handle in ports.items():
        line += ["-chardev", f"socket,id={name},fd={handle}"]
    for name in ("control", "out"):
        line += ["-device", f"virtserialport,chardev={name},name=dbr.{name}"]
    # Nobody's, for the importer to attach on behalf of; a bus of its own can be reset.
    line += ["-device", "pcie-root-port,id=spare,hotplug=off"]
    line += ["-device", "edu,bus=spare,dma_mask=0xffffffffffffffff"]
    if shell:
        line += ["-chardev", "stdio,id=console,signal=off"]
    line += ["-serial", "chardev:console", "-mon", "chardev=qmp,mode=control"]
    return [*line, *machine.qemu_args]


class Guest:
    """A running guest; ``wait`` sees it through to its end."""

    def __init__(
        self,
        image: Path,
        initrd: bytes,
        accel: str,
        machine: Machine,
        shell: bool = False,
    ) -> None:
        self._socket: dict[str, socket.socket] = {}
        remote: dict[str, socket.socket] = {}
        names = ["control", "out", "qmp"] + ([] if shell else ["console"])
        for name in names:
            self._socket[name], remote[name] = socket.socketpair()
            self._socket[name].setblocking(False)
        memory = os.memfd_create("initrd")
        with open(memory, "wb", closefd=False) as handle:
            handle.write(initrd)
        ports = {name: end.fileno() for name, end in remote.items()}
        line = command(image, accel, machine, memory, ports, shell)
        self._start = time.monotonic()
        try:
            self._child = process.start(
                line,
                pass_fds=[memory, *ports.values()],
                stdin=None if shell else subprocess.DEVNULL,
                stdout=None if shell else subprocess.PIPE,
                stderr=None if shell else subprocess.STDOUT,
                start_new_session=not shell,
            )
        finally:
            os.close(memory)
            for end in remote.values():
                end.close()
        self._arch = machine.arch
        self._asked = (
            False  # the kernel was made to panic, and has not got the last key
        )
        self._all_out = False  # the job's output, with the EOT after it
        self._let_go = False  # the guest may power off
        self._data = {name: bytearray() for name in names}
        self._seen = 0  # of the console: its lines that were searched for a panic
        self._quiet = float(
            "inf"
        )  # after a panic: when it has been silent for too long

    @property
    def pid(self) -> int:
        """qemu's."""
        return self._child.pid

    def kill(self) -> None:
        """Give up a guest that is not waited for."""
        self._child.kill()
        process.finish(self._child)
        if self._child.stdout:
            self._child.stdout.close()
        for end in self._socket.values():
            end.close()

    def _provoke_trace(self) -> None:
        """Make the guest's kernel panic, which shows where its CPUs are."""
        lines = ['{"execute":"qmp_capabilities"}', *self._arch.provoke]
        self._asked = bool(self._arch.provoke_key)
        try:
            self._socket["qmp"].send("".join(f"{line}\n" for line in lines).encode())
        except OSError:
            pass  # qemu is ending by itself

    def _press_key(self) -> None:
        """Once all that _provoke_trace() asked for was answered, the last of it."""
        answers = self._data["qmp"].count(b'"return"')
        if self._asked and answers > len(self._arch.provoke):
            self._asked = False
            try:
                self._socket["console"].send(self._arch.provoke_key)
            except (KeyError, OSError):
                pass  # a person has the console, or qemu is ending by itself

    def _let_power_off(self) -> None:
        """Once all that the guest has to give is here, tell it so."""
        if self._let_go or not self._all_out:
            return
        self._let_go = self._data["control"].endswith(TAR_END)
        if self._let_go:
            self._send(memoryview(b"\n"))

    def wait(
        self,
        overlay: bytes,
        limits: Limits,
        output: Callable[[bytes], None],
        trace: bool = True,
    ) -> Outcome:
        """Hand in the cpio ``overlay``, then see the guest through to its end or its loss.

        The job's output goes to ``output``. With ``trace`` a guest that hangs is made to
        show where before it is killed.
        """
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        selector = selectors.DefaultSelector()
        for name, end in self._socket.items():
            events = both if name == "control" else selectors.EVENT_READ
            selector.register(end, events, name)
        handle = os.pidfd_open(self._child.pid)
        selector.register(handle, selectors.EVENT_READ, "end")
        outcome = Outcome()
        rest = memoryview(overlay)
        begin = heard = time.monotonic()
        ready = False
        over = 0.0  # of a lost guest: until when its last words are waited for
        try:
            while True:
                deadline, reason = self._deadline(limits, begin, ready, heard)
                if over:
                    deadline = min(over, self._quiet)
                left = deadline - time.monotonic()
                fired = selector.select(min(max(0.0, left), LONGEST_SELECT))
                now = time.monotonic()
                if not fired and now < deadline:
                    continue
                if not fired:
                    if over:
                        break
                    outcome.lost = reason
                    if not trace:
                        break
                    over = now + TRACE_LIMIT
                    self._provoke_trace()
                for key, mask in fired:
                    if key.data == "end":
                        continue
                    if mask & selectors.EVENT_WRITE:
                        rest = self._send(rest)
                        if not rest:
                            selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                    if mask & selectors.EVENT_READ:
                        if self._receive(selector, key.data, output):
                            heard = now
                if not ready and b"\n" in self._data["control"]:
                    ready = True
                    heard = now
                if self._has_panicked(now) and not over:
                    over = now + TRACE_LIMIT
                if fired and all(key.data == "end" for key, _ in fired):
                    break  # what was still in the sockets has been read
        finally:
            self._child.kill()
            status = process.finish(self._child)
            os.close(handle)
            selector.close()
            for end in self._socket.values():
                end.close()
        process.going_on()
        outcome.seconds = time.monotonic() - begin
        outcome.untouched = not ready or bool(rest)
        self._judge(outcome, status)
        return outcome

    def _deadline(
        self, limits: Limits, begin: float, ready: bool, heard: float
    ) -> tuple[float, str]:
        """The next watchdog to go off, and what it then says."""
        total = (begin + limits.total, f"total time of {limits.total:g} s used up")
        if not ready:
            boot = (self._start + limits.boot, f"{NOT_UP} after {limits.boot:g} s")
            return min(boot, total)
        silence = (heard + limits.silence, f"hang: silent for {limits.silence:g} s")
        return min(silence, total)

    def _has_panicked(self, now: float) -> bool:
        """Whether the console shows a panic; each line after it is a sign that it goes on."""
        console = self._data.get("console", bytearray())
        end = console.rfind(b"\n") + 1
        if end > self._seen:
            lines = bytes(console[self._seen : end]).decode(errors="replace")
            self._seen = end
            if self._quiet < float("inf") or panic_reason(lines):
                self._quiet = now + PANIC_SILENCE
        return self._quiet < float("inf")

    def _send(self, data: memoryview) -> memoryview:
        """Send what fits into the control port; what is left."""
        try:
            return data[self._socket["control"].send(data[: 1 << 18]) :]
        except BlockingIOError:
            return data
        except OSError:
            return data[:0]  # qemu has ended, which the caller is about to see

    def _receive(
        self,
        selector: selectors.BaseSelector,
        name: str,
        output: Callable[[bytes], None],
    ) -> bool:
        """Take what has arrived; True if it is a sign of life from the job."""
        try:
            data = self._socket[name].recv(1 << 20)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            selector.unregister(self._socket[name])
            return False
        if name == "out":
            self._all_out = data.endswith(EOT)
            output(data.removesuffix(EOT))
        else:
            self._data[name] += data
        if name == "qmp":
            self._press_key()
        else:
            self._let_power_off()
        # The kernel's own messages do not count: it complains about hung tasks for ever.
        return name in ("out", "control")

    def _judge(self, outcome: Outcome, qemu: int) -> None:
        console = bytes(self._data.get("console", b"")).decode(errors="replace")
        if self._child.stdout:
            console += self._child.stdout.read().decode(errors="replace")
            self._child.stdout.close()
        outcome.console = console
        ready, _, results = bytes(self._data["control"]).partition(b"\n")
        if ready:
            outcome.boot_seconds = float(ready.split()[1])
        outcome.files = read_results(results)
        try:
            outcome.status = int(outcome.files["status"])
        except (KeyError, ValueError):
            reason = panic_reason(console)
            if outcome.lost:
                registers = self._data["qmp"].decode(errors="replace")
                outcome.lost += f" ({whereabouts(console, registers)})"
            elif reason:
                outcome.lost = PANIC + reason
            else:
                when = "ended without a status" if ready else "ended before it was up"
                where = whereabouts(console)
                outcome.lost = f"the guest {when} (qemu's status is {qemu}, {where})"
        else:
            outcome.lost = ""


def see_through(
    guest: Guest,
    again: Callable[[], Guest],
    overlay: bytes,
    limits: Limits,
    output: Callable[[bytes], None],
) -> Outcome:
    """Guest.wait(), and once more with another guest if the first does not come up, or panics.

    Stock guests did, rarely, when they were emulated beside others; the reason is not known.
    No module of ours is loaded by then: it had not been handed in.
    """
    outcome = guest.wait(overlay, limits, output)
    if outcome.untouched and outcome.lost.startswith((NOT_UP, PANIC)):
        first = outcome
        outcome = again().wait(overlay, limits, output)
        outcome.first = first
    return outcome
