# SPDX-License-Identifier: GPL-2.0-only
"""One guest: how it is emulated, from its start to its end."""
