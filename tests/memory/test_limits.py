# SPDX-License-Identifier: GPL-2.0-only
"""What bounds the memory of all buffers, and of a user's."""
from __future__ import annotations

import ctypes
import errno
import os
from contextlib import contextmanager
from typing import Iterator

from tests.lib import ioctls, life
from tests.lib.outcome import PATIENCE, deadline, ended, eventually, refused
from tests.lib.parameters import Parameters

MIB = 1 << 20
CLONE_NEWUSER = 1 << 28


# --- of all -----------------------------------------------------------------------------


def test_E14_move_needs_room_for_both_copies(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 5)
    buffer = life.alloc(exporter, 3 * MIB)
    assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.ENOMEM
    assert life.bytes_in_system() == 3 * MIB
    assert buffer.state() == life.STATE_LIVE
    set_parameter("limit_mb", 6)
    buffer.move(deadline(PATIENCE))
    assert eventually(lambda: life.bytes_in_system() == 3 * MIB)
    os.close(buffer.fd)


def test_E14_what_cannot_move_is_refused_before_memory_is_taken(
    exporter: int, set_parameter: Parameters
) -> None:
    """There is none for another copy, and none is needed to see why not."""
    set_parameter("limit_mb", 5)
    buffer = life.alloc(exporter, 3 * MIB)
    attachment = life.attach(buffer.fd, life.PINNED)
    assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.EBUSY
    os.close(attachment)
    assert buffer.revoke(life.FOREVER, suspend=True)
    assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.EBUSY
    assert buffer.revoke(life.FOREVER)
    assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.ENODEV
    quarantined = life.alloc(exporter, 3 * MIB, life.QUARANTINE)
    assert refused(lambda: quarantined.move(deadline(PATIENCE))) == errno.EOPNOTSUPP
    os.close(quarantined.fd)
    os.close(buffer.fd)


def test_E10_revoked_buffer_makes_room_below_the_limit(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 4)
    first = life.alloc(exporter, 4 * MIB)
    assert refused(lambda: life.alloc(exporter, 1)) == errno.ENOMEM
    assert first.revoke()
    second = life.alloc(exporter, 4 * MIB)
    os.close(first.fd)
    os.close(second.fd)


def test_limit_below_what_is_in_use_takes_nothing_away(
    exporter: int, set_parameter: Parameters
) -> None:
    buffer = life.alloc(exporter, 4 * MIB)
    set_parameter("limit_mb", 2)
    assert refused(lambda: life.alloc(exporter, 1)) == errno.ENOMEM
    assert buffer.state() == life.STATE_LIVE
    assert life.bytes_in_system() == 4 * MIB
    os.close(buffer.fd)


# --- a user's share of it ---------------------------------------------------------------

ALICE, BOB = 65534, 65533


@contextmanager
def user(uid: int) -> Iterator[None]:
    """What is within is done by this user, without capabilities."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def too_much(file: int, length: int) -> bool:
    return refused(lambda: life.alloc(file, length)) == errno.ENOMEM


def test_user_takes_half_of_the_limit_and_leaves_the_rest_to_others(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    with user(ALICE):
        buffers = [life.alloc(exporter, 3 * MIB)]
        assert too_much(exporter, MIB + 1)
        buffers.append(life.alloc(exporter, MIB))
        assert too_much(exporter, 1)
    with user(BOB):
        buffers.append(life.alloc(exporter, 3 * MIB))
    buffers.append(life.alloc(exporter, MIB))
    with user(BOB):
        # His share is not taken, but the limit is reached.
        assert too_much(exporter, 1)
    for buffer in buffers:
        os.close(buffer.fd)


def test_what_a_user_gives_back_is_his_again(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    with user(ALICE):
        for _ in range(3):
            buffers = [life.alloc(exporter, 2 * MIB) for _ in range(2)]
            assert too_much(exporter, 1)
            for buffer in buffers:
                assert buffer.revoke(deadline(PATIENCE))
                os.close(buffer.fd)
        # What did not come about is not counted either.
        assert too_much(exporter, 4 * MIB + 1)
        os.close(life.alloc(exporter, 4 * MIB).fd)


def test_what_stays_of_a_revoked_buffer_is_counted(
    exporter: int, set_parameter: Parameters
) -> None:
    """Its memory is back, but there is no end to what descriptors keep."""
    set_parameter("limit_mb", 1)
    most = MIB // 2 // ioctls.PAGE
    kept = []

    def one_more(flags: int = 0) -> None:
        kept.append(life.alloc(exporter, 1, flags))
        assert kept[-1].revoke(deadline(PATIENCE))

    with user(ALICE):
        for _ in range(most // 2):
            one_more(life.ZERO_PAGE)
        assert refused(one_more) == errno.ENOMEM
    assert life.bytes_in_system() == 0
    with user(BOB):
        one_more()
    gone = kept.pop(0)
    gone.free()
    os.close(gone.fd)
    with user(ALICE):
        assert eventually(lambda: not refused(one_more))
        assert eventually(lambda: not refused(one_more))
        assert too_much(exporter, 1)
    for buffer in kept:
        os.close(buffer.fd)


def test_user_takes_no_more_by_other_files_or_processes(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    other = ioctls.open_node(ioctls.EXPORTER)
    with user(ALICE):
        buffers = [life.alloc(file, 2 * MIB) for file in (exporter, other)]
        assert too_much(exporter, 1) and too_much(other, 1)
        child = os.fork()
        if not child:
            os._exit(refused(lambda: life.alloc(other, 1)))
        assert ended(child) == errno.ENOMEM
    # Whose the file is does not matter, but who calls.
    os.close(other)
    os.close(buffers[1].fd)
    with user(BOB):
        buffers[1] = life.alloc(exporter, 4 * MIB)
    for buffer in buffers:
        os.close(buffer.fd)


def test_E14_move_is_of_the_share_of_whoever_calls_it(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    with user(ALICE):
        buffer, more = (life.alloc(exporter, 2 * MIB) for _ in range(2))
        assert refused(lambda: buffer.move(deadline(PATIENCE))) == errno.ENOMEM
        assert more.revoke(deadline(PATIENCE))
        buffer.move(deadline(PATIENCE))
    assert eventually(lambda: life.bytes_in_system() == 2 * MIB)
    with user(ALICE):
        assert too_much(exporter, 2 * MIB + 1)
    buffer.move(deadline(PATIENCE))
    assert eventually(lambda: life.bytes_in_system() == 2 * MIB)
    with user(ALICE):
        # The copy is root's.
        whole = life.alloc(exporter, 4 * MIB)
    for each in (buffer, more, whole):
        os.close(each.fd)


def test_share_binds_without_CAP_SYS_RESOURCE_in_the_first_namespace(
    exporter: int, set_parameter: Parameters
) -> None:
    set_parameter("limit_mb", 8)
    os.close(life.alloc(exporter, 8 * MIB).fd)
    for ident in life.ids(exporter):
        assert life.Buffer(exporter, ident, -1).revoke(deadline(PATIENCE))
    child = os.fork()
    if not child:
        # Root of its own namespace, with all capabilities there.
        ctypes.CDLL(None).unshare(CLONE_NEWUSER)
        os._exit(refused(lambda: life.alloc(exporter, 4 * MIB + 1)))
    assert ended(child) == errno.ENOMEM
