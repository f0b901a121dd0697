# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the guest runner, on the host."""
