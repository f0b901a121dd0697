# SPDX-License-Identifier: GPL-2.0-only
"""What ends a run without a traceback."""


class RunnerError(Exception):
    """What was wrong and what to do about it, ready to be shown to a person."""


class Interrupted(BaseException):
    """The run is being ended: whoever works for it cleans up and does nothing more."""
