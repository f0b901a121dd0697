# SPDX-License-Identifier: GPL-2.0-only
"""docs/modules/matrix.md, cell by cell."""
