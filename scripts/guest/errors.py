# SPDX-License-Identifier: GPL-2.0-only
"""The one exception that ends a run with a message instead of a traceback."""


class RunnerError(Exception):
    """What was wrong and what to do about it, ready to be shown to a person."""
