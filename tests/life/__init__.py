# SPDX-License-Identifier: GPL-2.0-only
"""How buffers, their owners and the modules live and end."""
