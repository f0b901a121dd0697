# SPDX-License-Identifier: GPL-2.0-only
"""Memory, and the CPU's access to it."""
