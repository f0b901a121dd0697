# SPDX-License-Identifier: GPL-2.0-only
"""What the header promises: layouts, values, rights, bad input."""
