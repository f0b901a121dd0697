# SPDX-License-Identifier: GPL-2.0-only
"""dmabuf-revoke doctor where the kernel refuses modules for their signature.

In a guest of its own, in which lockdown and module.sig_enforce are turned on one after the
other: neither can be turned off again.
"""
from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from guest import kernels
from guest.machine import session
from guest.settings import Settings

pytestmark = pytest.mark.whole

SIGNER = "Somebody's signing key"
#: Each stage keeps what doctor said, to root and to others, and what modprobe did.
SCRIPT = """
stage() {
    cd "$DBR_RESULTS"
    dmabuf-revoke doctor --json >$1.json 2>$1.text
    echo $? >$1.exit
    setpriv --reuid=65534 --regid=65534 --clear-groups dmabuf-revoke doctor --json \
        >$1.nobody.json 2>&1
    modprobe dmabuf_revoke_exporter 2>$1.modprobe && rmmod dmabuf_revoke_exporter
}
set -e
mount -t securityfs none /sys/kernel/security
set +e
stage lax
echo integrity >/sys/kernel/security/lockdown
stage lockdown
echo 1 >/sys/module/module/parameters/sig_enforce
stage unsigned
cd /lib/modules/*/updates/dkms
cat >/tmp/key.pem <<END
@PEM@END
for name in exporter importer; do
    xz -d dmabuf_revoke_$name.ko.xz
    /lib/modules/*/build/scripts/sign-file sha256 /tmp/key.pem /tmp/key.pem dmabuf_revoke_$name.ko
    xz --check=crc32 dmabuf_revoke_$name.ko
done
stage foreign
"""

Files = dict[str, str]


def make_key(directory: Path) -> str:
    """A private key and its certificate."""
    key, certificate = directory / "key", directory / "certificate"
    command = ["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes"]
    command += ["-subj", f"/CN={SIGNER}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return key.read_text() + certificate.read_text()


@pytest.fixture(scope="module")
def files(
    kernel: kernels.Kernel, entry: Path, tmp_path_factory: pytest.TempPathFactory
) -> Files:
    """What the guest has kept."""
    script = SCRIPT.replace("@PEM@", make_key(tmp_path_factory.mktemp("key")))
    output: list[bytes] = []
    outcome = session.run(kernel, Settings(), session.Job(script), output.append)
    assert not outcome.lost, outcome.console
    return {name: data.decode() for name, data in outcome.files.items()}


def failed(files: Files, stage: str) -> list[dict[str, Any]]:
    checks = json.loads(files[f"{stage}.json"])["checks"]
    return [row for row in checks if row["result"] == "FAILED"]


def refused(files: Files, stage: str, observed: str, remedy: str) -> None:
    assert files[f"{stage}.exit"] == "77\n"
    rows = failed(files, stage)
    assert [row["subject"] for row in rows] == ["exporter", "importer"]
    for row in rows:
        assert row["expected"] == "is accepted by this kernel"
        assert row["observed"] == observed
        assert remedy in row["remedy"]
        assert "mokutil --import /var/lib/dkms/mok.pub" in row["remedy"]
        assert row["remedy"] in files[f"{stage}.text"]


def test_control_a_kernel_that_asks_for_none(files: Files) -> None:
    assert not files["lax.modprobe"]
    assert {row["observed"] for row in failed(files, "lax")} == {"not loaded"}


def test_lockdown_as_by_secure_boot(files: Files) -> None:
    assert "Operation not permitted" in files["lockdown.modprobe"]
    observed = "lockdown, as set by Secure Boot, refuses it: it is not signed"
    refused(files, "lockdown", observed, "dkms build --force")


def test_unsigned_module(files: Files) -> None:
    assert "Key was rejected by service" in files["unsigned.modprobe"]
    assert "Loading of unsigned module is rejected" in files["dmesg.txt"]
    observed = "module.sig_enforce refuses it: it is not signed"
    refused(files, "unsigned", observed, "dkms build --force")


def test_module_signed_by_an_unknown_key(files: Files) -> None:
    assert "Key was rejected by service" in files["foreign.modprobe"]
    assert "module with unavailable key is rejected" in files["dmesg.txt"]
    observed = "module.sig_enforce refuses it: the kernel has no key of its signer, "
    refused(files, "foreign", observed + SIGNER, "enrol the key")


def test_keys_are_shown_to_root_only(files: Files) -> None:
    """So that others are not told that a key is missing."""
    rows = json.loads(files["foreign.nobody.json"].partition("\ndmabuf-revoke:")[0])
    unknown = [row for row in rows["checks"] if row["result"] == "unknown"]
    assert [row["subject"] for row in unknown] == ["exporter", "importer"]
    assert SIGNER in unknown[0]["observed"] and "root only" in unknown[0]["observed"]
