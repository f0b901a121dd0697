# SPDX-License-Identifier: GPL-2.0-only
"""A part of the suite, for one of several guests that share it."""
from __future__ import annotations

from collections import Counter

import pytest


def chosen_files(counts: dict[str, int], shard: str) -> set[str]:
    """The files of shard "2/3". ``counts`` has the weight of each file.

    A file stays whole, since its items share what is expensive to make. ValueError if
    ``shard`` is not such a string.
    """
    number, _, of = shard.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise ValueError(f"--shard takes NUMBER/OF, such as 1/2, and not {shard!r}")
    loads = [0] * int(of)
    chosen = set()
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        lightest = loads.index(min(loads))
        loads[lightest] += counts[name]
        if lightest == int(number) - 1:
            chosen.add(name)
    return chosen


def file_of(item: pytest.Item) -> str:
    """The file that an item is of."""
    return item.nodeid.partition("::")[0]


def select(items: list[pytest.Item], shard: str, config: pytest.Config) -> None:
    """Deselect what belongs to the other shards."""
    files = chosen_files(dict(Counter(file_of(item) for item in items)), shard)
    left_out = [item for item in items if file_of(item) not in files]
    items[:] = [item for item in items if file_of(item) in files]
    config.hook.pytest_deselected(items=left_out)
