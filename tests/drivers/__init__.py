# SPDX-License-Identifier: GPL-2.0-only
"""A program for each driver of the kernel that a guest can have; README.md has their protocol."""
