# SPDX-License-Identifier: GPL-2.0-only
"""Trees of Debian packages: where from, how they are made, entered and kept."""
