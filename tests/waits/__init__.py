# SPDX-License-Identifier: GPL-2.0-only
"""What waits, for what, and what ends that."""
