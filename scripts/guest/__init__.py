# SPDX-License-Identifier: GPL-2.0-only
"""Builds, boots and judges the QEMU guests in which dmabuf-revoke is tested."""
