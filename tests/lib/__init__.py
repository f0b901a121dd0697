# SPDX-License-Identifier: GPL-2.0-only
"""What the Python of all subjects shares; c/ is what the C programs share."""
