# SPDX-License-Identifier: GPL-2.0-only
"""The long run of the fuzzer."""
import sys

from ..settings import REPOSITORY

# What shortens a program is shared with the guests.
sys.path.append(str(REPOSITORY))
