# SPDX-License-Identifier: GPL-2.0-only
"""What the pytest side of the suite is made of."""
