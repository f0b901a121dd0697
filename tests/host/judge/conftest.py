# SPDX-License-Identifier: GPL-2.0-only
"""The command is built once for all that is made of its parts."""
from .show import command

__all__ = ["command"]
