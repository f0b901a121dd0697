# SPDX-License-Identifier: GPL-2.0-only
"""docs/matrix.md, cell by cell."""
