# SPDX-License-Identifier: GPL-2.0-only
"""What a guest boots from: its root tree, its kernel, and what is made of the source."""
