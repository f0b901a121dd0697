# SPDX-License-Identifier: GPL-2.0-only
"""A cache that loses all it may, as arm64 allows it."""
