# SPDX-License-Identifier: GPL-2.0-only
"""The controls of E24: kernel users of a CPU mapping that nobody takes down."""
from __future__ import annotations

from tests.lib.life import PAGE

from .model import Control, Wrong

NO_ZAP = Wrong("NO_ZAP")

E24 = (
    Control(
        "memory/kvm::E24_machine_ends_with_EFAULT_after_a_revoke",
        NO_ZAP,
        "result is -4, expected -14",
        waits=True,
    ),
    Control(
        "memory/kvm::E24_machine_goes_on_in_the_new_memory_after_a_move",
        NO_ZAP,
        "after 1 moves the counter stands",
        waits=True,
    ),
    Control(
        "memory/kernel_users::E24_copies_are_EFAULT_after_a_revoke",
        NO_ZAP,
        "expected EFAULT",
    ),
    Control(
        "memory/kernel_users::E24_copies_see_the_new_memory_after_a_move",
        NO_ZAP,
        "device_crc(att, PAGE, PAGE) is",
    ),
    Control(
        "memory/kernel_users::E24_io_uring_read_is_EFAULT_after_a_revoke",
        NO_ZAP,
        f"ring_result(&ring) is {PAGE}, expected -14",
    ),
    Control(
        "memory/kernel_users::E24_private_futex_is_EFAULT_after_a_revoke",
        NO_ZAP,
        "expected EFAULT",
    ),
)
