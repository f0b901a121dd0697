# SPDX-License-Identifier: GPL-2.0-only
"""What tests of the command share beyond a file."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lib import cpus


@pytest.fixture(scope="module")
def one_cpu() -> Iterator[None]:
    """For a whole file that has probes put on: a CPU goes and comes in a third of a second."""
    with cpus.only_one():
        yield
