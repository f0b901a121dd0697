# SPDX-License-Identifier: GPL-2.0-only
"""I/O memory on any kernel: a module that exports pages of a BAR, and what is none."""
