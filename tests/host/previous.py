# SPDX-License-Identifier: GPL-2.0-only
"""The release before this one, for upgrades.

A clone may have one commit, a release's tree none. So it is made of this tree, with what tells
the two apart for dpkg, dkms and whoever loads the modules: version, names, interface. With
PREVIOUS_RELEASE, the build directory of a `make dist deb` of its tree, it is the real one.
"""
from __future__ import annotations

import os
import re
from pathlib import Path

from guest.modules import package

from .sample import REPOSITORY

VERSION = "0.1.0"
ABI_VERSION = 1


def declared() -> str:
    """The version of this tree's dkms.conf, where it is kept."""
    return package((REPOSITORY / "dkms.conf").read_text())[1]


def given(pattern: str) -> list[Path]:
    """The files of the real one, none if there is none."""
    directory = os.environ.get("PREVIOUS_RELEASE")
    found = sorted(Path(directory).glob(pattern)) if directory else []
    assert found or not directory, f"{directory} has no {pattern}"
    return found


def make_of(top: Path, version: str) -> None:
    """Turn what is below ``top``, a tree or a package of ``version``, into the one before."""
    for pattern in ("**/dkms.conf", "**/*.pc", "DEBIAN/*"):
        for path in top.glob(pattern):
            path.write_text(path.read_text().replace(version, VERSION))
    for path in top.glob("**/dmabuf_revoke.h"):
        line = r"(?m)^(#define DMABUF_REVOKE_ABI_VERSION\t)\d+$"
        text, count = re.subn(line, rf"\g<1>{ABI_VERSION}", path.read_text())
        assert count == 1
        path.write_text(text)
    for path in top.glob(f"**/dmabuf-revoke-{version}"):
        path.rename(path.with_name(f"dmabuf-revoke-{VERSION}"))
