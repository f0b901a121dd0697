# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel can do, as INFO reports it, and what documents say of one that cannot."""
from __future__ import annotations

import os
import re

from . import ioctls

#: DMABUF_REVOKE_FEATURE_*
FEATURES = {
    "REVOCABLE_TEST": 1 << 0,
    "STATIC_MAP": 1 << 1,
    "MAP_UNPINNED": 1 << 2,
    "FENCE_ALONE": 1 << 3,
}

_WITHOUT = re.compile(r"^## Without `DMABUF_REVOKE_FEATURE_(\w+)`$", re.MULTILINE)


def missing() -> list[str]:
    """The features that this kernel lacks. Needs the exporter."""
    fd = ioctls.open_node(ioctls.EXPORTER)
    try:
        present = ioctls.exporter_features(fd)
    finally:
        os.close(fd)
    return [name for name, bit in FEATURES.items() if not present & bit]


def sections(text: str) -> tuple[str, dict[str, str]]:
    """A document up to what it says of kernels that lack something, and that, by feature.

    ValueError for a feature that does not exist.
    """
    main, *others = _WITHOUT.split(text)
    result = dict(zip(others[::2], others[1::2]))
    unknown = result.keys() - FEATURES.keys()
    if unknown:
        raise ValueError(f"no such feature: {', '.join(sorted(unknown))}")
    return main, result
