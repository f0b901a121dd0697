# SPDX-License-Identifier: GPL-2.0-only
"""The bench's figures: judged, drawn, compared with those that were kept."""
