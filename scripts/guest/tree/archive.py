# SPDX-License-Identifier: GPL-2.0-only
"""The Debian archive: which mirror the host uses, which kernel version it has now."""
from __future__ import annotations

import functools
import json
import lzma
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Iterator

from ..errors import RunnerError
from ..kernels import Kernel
from ..kernels.arch import AMD64
from ..output.console import say

CHECK_INTERVAL = 24 * 3600.0
RETRY_INTERVAL = 3600.0
TIMEOUT = 20.0
_SUITES = re.compile(
    r"(bookworm|trixie|forky|sid|stable|oldstable|testing|unstable)(-updates|-backports)?$"
)


def _one_line(text: str) -> Iterator[tuple[str, list[str]]]:
    """(URI, suites) of each active line of a sources.list."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
        if match:
            yield match[1], [match[2]]


def _deb822(text: str) -> Iterator[tuple[str, list[str]]]:
    """(URI, suites) of each active paragraph of a .sources file."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[name] = fields.get(name, "") + " " + line.strip()
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false"):
            continue
        if "deb" in fields.get("types", "").split():
            for uri in fields.get("uris", "").split():
                yield uri, fields.get("suites", "").split()


def mirror(etc: Path = Path("/etc/apt")) -> str:
    """The mirror to use: $DEBIAN_MIRROR, else the host's own for Debian.

    RunnerError if there is neither.
    """
    chosen = os.environ.get("DEBIAN_MIRROR")
    if chosen:
        return chosen.rstrip("/")
    found: list[tuple[str, list[str]]] = []
    for path in [
        etc / "sources.list",
        *sorted((etc / "sources.list.d").glob("*.list")),
        *sorted((etc / "sources.list.d").glob("*.sources")),
    ]:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        found += _deb822(text) if path.suffix == ".sources" else _one_line(text)
    for uri, suites in found:
        if uri.startswith(("http://", "https://", "file:")):
            if any(_SUITES.match(suite) for suite in suites):
                return uri.rstrip("/")
    raise RunnerError(
        f"no Debian mirror in {etc}/sources.list*: set DEBIAN_MIRROR to the URL of one"
    )


def _newer(one: str, other: str) -> str:
    """The newer one of two versions, as dpkg has it."""
    words = ["dpkg", "--compare-versions", one, "ge", other]
    return one if not subprocess.call(words) else other


def fetch_version(
    base: str, suite: str, package: str, architecture: str = AMD64.debian
) -> str:
    """The newest version of ``package`` in ``suite`` now. OSError or ValueError on failure.

    That is what apt takes: an index may have several, in any order.
    """
    url = f"{base}/dists/{suite}/main/binary-{architecture}/Packages.xz"
    with urllib.request.urlopen(url, timeout=TIMEOUT) as reply:
        text = lzma.decompress(reply.read()).decode(errors="replace")
    stanzas = re.findall(rf"^Package: {re.escape(package)}\n(?:.+\n)*", text, re.M)
    found = [re.search(r"^Version: (\S+)$", stanza, re.M) for stanza in stanzas]
    versions = [match[1] for match in found if match]
    if not versions:
        raise ValueError(f"{package} is not in {suite}")
    return functools.reduce(_newer, versions)


def version(
    cache: Path,
    name: str,
    suite: str,
    package: str,
    architecture: str = AMD64.debian,
) -> str:
    """The version of ``package`` in the archive, asked at most once a day.

    ``name`` is what the answer is remembered as. When the archive does not answer, what
    was known before stands, and "unknown" if nothing was.
    """
    path = cache / f"{name}.archive.json"
    try:
        known = json.loads(path.read_text())
        found, checked = str(known["version"]), float(known["checked"])
    except (OSError, ValueError, KeyError):
        found, checked = "unknown", 0.0
    now = time.time()
    if 0 <= now - checked < CHECK_INTERVAL:
        return found
    try:
        found = fetch_version(mirror(), suite, package, architecture)
    except (OSError, ValueError, lzma.LZMAError) as error:
        say(
            f"[{name}] the archive cannot be asked for a newer {package} ({error}): "
            f"staying with {found}"
        )
        now += RETRY_INTERVAL - CHECK_INTERVAL
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"version": found, "checked": now}))
    os.replace(temporary, path)
    return found


def kernel_version(cache: Path, kernel: Kernel) -> str:
    """The version in the archive of the package that ``kernel`` comes from."""
    return version(
        cache,
        kernel.home,
        kernel.kernel_suite,
        kernel.tracked_package,
        kernel.arch.debian,
    )
