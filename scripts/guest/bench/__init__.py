# SPDX-License-Identifier: GPL-2.0-only
"""What things cost: measured, judged, drawn, and compared with what was kept."""
