# SPDX-License-Identifier: GPL-2.0-only
"""DKMS in a guest of another architecture, with the compiler that is there: as its users have it.

The suite's modules come from a cross compiler. These do not, so they are built once, slowly.
"""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from guest import kernels
from guest.machine import session
from guest.settings import Machine, Settings

from ..sample import REPOSITORY

pytestmark = pytest.mark.foreign

ROW = kernels.lookup("7.3-arm64")
TARBALL = "/root/source.tar"

JOB = f"""
set -e
rm -r /lib/modules/$(uname -r)/updates
depmod
modprobe dmabuf_revoke_exporter 2>/dev/null && exit 1
mkdir -p /root/source
tar -xf {TARBALL} -C /root/source
make -s -C /root/source dkms-install
dkms status
for name in dmabuf_revoke_exporter dmabuf_revoke_importer; do
    modinfo -F vermagic $name
    modprobe $name
done
cat /proc/version
exec dmabuf-revoke demo
"""


def test_dkms_builds_there_what_revokes(tmp_path: Path) -> None:
    tarball = tmp_path / "source.tar"
    subprocess.run(
        ["git", "-C", str(REPOSITORY), "archive", f"--output={tarball}", "HEAD"],
        check=True,
    )
    # A compiler that is emulated says nothing for minutes.
    chosen = Settings(
        limits={"silence": 6000, "total": 7200}, machine=Machine(memory="2G")
    )
    job = session.Job(JOB, files={TARBALL: tarball})
    output: list[bytes] = []
    outcome = session.run(ROW, chosen, job, output.append)
    text = b"".join(output).decode()
    assert not outcome.lost, outcome.console
    assert outcome.status == 0, text
    assert re.search(r"^dmabuf-revoke/\S+, \S+, aarch64: installed$", text, re.M), text
    assert len(re.findall(r"^\S+ .*\baarch64$", text, re.M)) == 2, text
    assert re.search(r"^all ok +yes$", text, re.M), text
