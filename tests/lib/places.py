# SPDX-License-Identifier: GPL-2.0-only
"""Where things are in the tree that the suite is part of."""
from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TOP = TESTS.parent
DOCS = TOP / "docs"
