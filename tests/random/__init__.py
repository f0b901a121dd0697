# SPDX-License-Identifier: GPL-2.0-only
"""Random programs over both devices: fuzz.c makes and executes them."""
