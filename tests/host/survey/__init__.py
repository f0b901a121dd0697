# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of the judge's verdicts on drivers."""
