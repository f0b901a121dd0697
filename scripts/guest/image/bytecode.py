# SPDX-License-Identifier: GPL-2.0-only
"""The tests as Python compiles them, their assertions rewritten by pytest.

That is twenty seconds of work for an emulated guest, and three for its tree: by the same
Python and the same pytest. What there is none of the guest compiles itself.
"""
from __future__ import annotations

import json
from pathlib import Path

from ..errors import RunnerError
from ..kernels import Kernel
from ..output.progress import phase
from ..tree import cache, chroot

# They are where the guest has them, which is what a traceback shows. The command need not run.
_COLLECT = """
mkdir -p {home} /tmp/bin
mount --bind /src {home}
cp /bin/true /tmp/bin/dmabuf-revoke
cd {home}
export DBR_BIN=/tmp/bin PYTHONPYCACHEPREFIX=/build
exec python3 -m pytest tests --collect-only -q -p no:cacheprovider
"""

#: Of a .pyc: when its source was changed. In a guest all files are of the year 1970.
_TIME = slice(8, 12)

#: Of each file what tells that it has changed.
States = dict[str, list[int]]


def _states(source: Path) -> States:
    found = {}
    for path in sorted((source / "tests").rglob("*.py")):
        status = path.stat()
        found[str(path.relative_to(source))] = [status.st_mtime_ns, status.st_size]
    return found


def _forget(made: Path, known: States, now: States) -> None:
    """Remove what was made of files that are others now."""
    for name in known:
        if now.get(name) != known[name]:
            source = made / name
            for path in source.parent.glob(f"{source.stem}.*.pyc"):
                path.unlink()


def prepare(
    kernel: Kernel, source: Path, top: Path, image: Path, home: str
) -> dict[str, bytes]:
    """What Python looks for beside the tests, by its place in ``home``, where they will be.

    The caller holds the kernel's lock.
    """
    now, found = _states(source), {}
    with cache.workshop(image / "bytecode", str(source.resolve()), []) as build:
        made, record = build / home.lstrip("/"), build / "made-of.json"
        known = json.loads(record.read_text()) if record.exists() else {}
        if known != now:
            _forget(made, known, now)
            binds, script = {"src": source, "build": build}, _COLLECT.format(home=home)
            try:
                with phase(kernel.name, "the tests' bytecode"):
                    chroot.run("pytest", top / "mnt", image, script, binds)
            except RunnerError:
                pass  # what is wrong with the tests, the guest says
            record.write_text(json.dumps(now))
        for path in sorted(made.rglob("*.pyc")):
            content = bytearray(path.read_bytes())
            content[_TIME] = bytes(4)
            name = path.relative_to(made)
            found[f"{name.parent}/__pycache__/{name.name}"] = bytes(content)
    return found
