# SPDX-License-Identifier: GPL-2.0-only
"""All gates around one test."""
from __future__ import annotations

from . import counts, detectors
from .allowed import allowed_for
from .kernel_log import ALLOWED, LogGate


class Gates:
    """Opened before a test; ``close`` says what the test did to the kernel."""

    def __init__(self, name: str) -> None:
        self._counts = counts.counts()
        self._dma_errors = detectors.dma_api_errors()
        self._log = LogGate(allowed=(*ALLOWED, *allowed_for(name)))
        self._log.begin(name)

    def close(self, patience: float = counts.PATIENCE) -> list[str]:
        """What is wrong; nothing, if all is well."""
        leaks = counts.settle(self._counts, patience)
        wrong = [f"kernel log: {line}" for line in self._log.end()]
        wrong += [f"left behind: {line}" for line in leaks]
        errors = detectors.dma_api_errors() - self._dma_errors
        if errors:
            wrong.append(f"the DMA API was misused {errors} times")
        return wrong
