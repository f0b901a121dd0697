# SPDX-License-Identifier: GPL-2.0-only
"""The moments of docs/modules/unload.md. Each is a function that sets one up on a stage.

What it keeps is all that is left when the modules are asked to go.
"""
from __future__ import annotations

from . import attached, kept, waiting
from .moment import MOMENTS

__all__ = ["MOMENTS", "moments_attached", "moments_kept", "moments_waiting"]
