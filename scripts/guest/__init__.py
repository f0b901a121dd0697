# SPDX-License-Identifier: GPL-2.0-only
"""Builds, boots and judges the QEMU guests in which dmabuf-revoke is tested.

Each package knows only those before it: output, tree, kernel, image, machine; then suite, bench
and fuzz, which know nothing of each other.
"""
