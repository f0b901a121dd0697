# SPDX-License-Identifier: GPL-2.0-only
"""The documents say what code and tests say."""
