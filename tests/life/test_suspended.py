# SPDX-License-Identifier: GPL-2.0-only
"""A suspended buffer, and clients that try again when they are told so."""
from __future__ import annotations

import errno
import os
from contextlib import ExitStack

from tests.lib import features, ioctls, life
from tests.lib.foreign import vgem_import

TRIES = 100


def import_as_libdrm_does(dmabuf: int, undo: ExitStack) -> tuple[int, int]:
    """The errno, or 0, and how many calls it took."""
    for tries in range(1, TRIES + 1):
        try:
            os.close(vgem_import(dmabuf, undo))
        except OSError as error:
            if error.errno in (errno.EINTR, errno.EAGAIN):
                continue
            return error.errno or 0, tries
        return 0, tries
    raise AssertionError("it goes on trying")


def test_E15_import_by_vgem_takes_one_call() -> None:
    """Where the core maps when a static importer attaches, vgem is refused."""
    refused = errno.ENODEV if "STATIC_MAP" in features.missing() else 0
    with ExitStack() as undo:
        file = ioctls.open_node(ioctls.EXPORTER)
        undo.callback(os.close, file)
        buffer = life.alloc(file, life.PAGE, life.ACCEPT_LEGACY)
        undo.callback(os.close, buffer.fd)
        assert buffer.revoke(life.FOREVER, suspend=True)
        assert import_as_libdrm_does(buffer.fd, undo) == (refused, 1)
        buffer.restore(life.FOREVER)
        assert import_as_libdrm_does(buffer.fd, undo) == (0, 1)
