# SPDX-License-Identifier: GPL-2.0-only
"""Clause by clause: where it is implemented, and which control shows that it is checked.

docs/contract.md repeats this table. A control is a case that passes by itself, in the suite,
and has to fail here, for the reason given, where exporter or importer are wrong on purpose.
"""
from __future__ import annotations

from . import users
from .model import KERNEL_LOG, Clause, Control, Wrong

LATE_MAP = Wrong("LATE_MAP")
NO_FENCE_WAIT = Wrong("NO_FENCE_WAIT")
NO_UNMAP_WAIT = Wrong("NO_UNMAP_WAIT")
KEEP_MEMORY = Wrong("KEEP_MEMORY")
NO_ZAP = Wrong("NO_ZAP")
NO_VMAP_OP = Wrong("NO_VMAP_OP")
HOLD_LOCK = Wrong("HOLD_LOCK")
IGNORE = Wrong(misbehave="IGNORE")
NO_UNMAP = Wrong(misbehave="NO_UNMAP")
KEEP_PIN = Wrong(misbehave="KEEP_PIN")
REVIVE = Wrong(misbehave="REVIVE")
REMAP = Wrong(misbehave="REMAP")
SLOW_CALLBACK = Wrong(misbehave="SLOW_CALLBACK", delay_ms=150)
SKIP_KERNEL_FENCE = Wrong(misbehave="SKIP_KERNEL_FENCE")
CLEAR_ONLY = Wrong(misbehave="CLEAR_ONLY")
ONE_SEGMENT = Wrong(misbehave="ONE_SEGMENT")
WRONG_RANGE = Wrong(misbehave="WRONG_RANGE")
HOUR_MS = 3600 * 1000
LOOP_ON_ERROR = Wrong(misbehave="LOOP_ON_ERROR", delay_ms=HOUR_MS)

TIMES_OUT = "success, expected ETIMEDOUT"

EXPORTER = {
    "E1": Clause(
        ("exporter/attachment.c:dbr_admits", "exporter/attachment.c:dbr_dmabuf_pin"),
        (
            Control(
                "contract/exporter::E1_legacy_importer_is_refused",
                Wrong("NO_LEGACY_TEST"),
                "success, expected EOPNOTSUPP",
            ),
        ),
    ),
    "E2": Clause(
        ("exporter/revoke.c:dbr_revoke_begin", "exporter/attachment.c:dbr_dmabuf_map"),
        (
            Control(
                "contract/exporter::E2_importer_that_maps_in_the_callback_is_refused",
                LATE_MAP,
                "remap_error is 0, expected",
            ),
            Control(
                "contract/exporter::E2_E3_map_after_revoke_is_ENODEV",
                LATE_MAP,
                "dr_map(dynamic, 0): success, expected ENODEV",
            ),
        ),
    ),
    "E3": Clause(
        ("exporter/state.c:dbr_check_state",),
        (
            Control(
                "contract/exporter::E3_attach_after_revoke_is_ENODEV",
                LATE_MAP,
                "success, expected ENODEV",
            ),
            Control(
                "memory/mmap::E3_after_revoke_is_ENODEV",
                LATE_MAP,
                "try_mmap(buffer.fd, PAGE, PROT_READ, MAP_SHARED, 0): success",
            ),
            Control(
                "memory/mmap::E3_E9_sync_after_revoke_is_ENODEV",
                LATE_MAP,
                "success, expected ENODEV",
            ),
        ),
    ),
    "E4": Clause(
        ("exporter/state.c:dbr_invalidate",),
        (
            Control(
                "contract/exporter::E4_each_revocable_attachment_is_invalidated_once",
                Wrong("TELL_TWICE"),
                "invalidations is 2, expected 1",
            ),
            Control(
                "contract/exporter::E4_idle_attachment_is_invalidated_once",
                Wrong("NO_TELL"),
                "invalidations is 0, expected 1",
            ),
            Control(
                "contract/exporter::E4_pin_and_map_invalidate_nobody",
                Wrong("TELL_IN_PIN"),
                "status(idle).invalidations is",
            ),
            Control(
                "contract/exporter::E4_pin_and_map_invalidate_nobody",
                Wrong("TELL_IN_MAP"),
                "status(idle).invalidations is",
            ),
        ),
        "A legacy importer has no callback that could be called.",
    ),
    "E5": Clause(
        ("exporter/revoke.c:dbr_await_fence", "exporter/revoke.c:dbr_revoke_advance"),
        (
            Control(
                "contract/waits::E5_revoke_waits_for_a_fence",
                NO_FENCE_WAIT,
                "returned before the fence signalled",
            ),
            Control(
                "contract/waits::E5_bookkeep_fence_without_a_mapping_is_waited_for",
                Wrong("WEAK_FENCE_WAIT"),
                TIMES_OUT,
            ),
        ),
        "A revoke does not call dma_resv_wait_timeout(), so there is no result of it to leak.",
    ),
    "E6": Clause(
        (
            "exporter/revoke.c:dbr_revoke_advance",
            "exporter/attachment.c:dbr_dmabuf_unmap",
        ),
        (
            Control(
                "contract/waits::E6_revoke_waits_for_every_unmap",
                NO_UNMAP_WAIT,
                TIMES_OUT,
            ),
            Control(
                "contract/waits::E6_mapping_stays_valid_until_the_unmap",
                NO_UNMAP_WAIT,
                TIMES_OUT,
            ),
        ),
        "No fault gives memory back that is still mapped: a kernel could not stand it.",
    ),
    "E7": Clause(
        ("exporter/revoke.c:dbr_revoke", "exporter/revoke.c:dbr_fence_work"),
        (
            Control(
                "contract/waits::E7_unmap_from_a_worker_is_not_held_up",
                HOLD_LOCK,
                "the unmap was held up for",
            ),
            Control(
                "contract/waits::E7_map_does_not_block_with_the_lock_held",
                Wrong("SLOW_MAP"),
                "map took",
            ),
            Control(
                "contract/held::E7_nobody_blocks_with_the_lock_held",
                Wrong("HOLD_IN_MAP"),
                "success, expected ETIMEDOUT",
            ),
            Control(
                "contract/held::E7_nobody_blocks_with_the_lock_held",
                Wrong("HOLD_AFTER_TELL"),
                "success, expected ETIMEDOUT",
            ),
        ),
    ),
    "E8": Clause(
        ("exporter/revoke.c:dbr_revoke", "include/deadline.h:deadline_wait"),
        (
            Control(
                "waits/revoke::E8_signal_ends_the_wait_for_a_fence",
                NO_FENCE_WAIT,
                "success, expected E",
            ),
            Control(
                "waits/revoke::E8_signal_ends_the_wait_for_an_unmap",
                NO_UNMAP_WAIT,
                "success, expected E",
            ),
            Control(
                "waits/revoke::E8_timed_out_one_says_what_is_pending",
                NO_UNMAP_WAIT,
                TIMES_OUT,
            ),
            Control(
                "contract/waits::E8_revoke_returns_at_its_deadline",
                HOLD_LOCK,
                "it did not return for",
            ),
            Control(
                "contract/waits::E8_revoke_returns_at_its_deadline",
                SLOW_CALLBACK,
                "it did not return for",
            ),
        ),
    ),
    "E9": Clause(
        (
            "exporter/state.c:dbr_zap",
            "exporter/cpu.c:dbr_vm_fault",
            "exporter/cpu.c:dbr_dmabuf_vunmap",
        ),
        (
            Control(
                "memory/mmap::E9_revoke_leaves_SIGBUS_on_every_page",
                NO_ZAP,
                "is 0, expected 7",
            ),
            Control(
                "memory/mmap::E9_mapping_without_descriptors_is_zapped",
                NO_ZAP,
                "is 0, expected 7",
            ),
            Control(
                "memory/mmap::E9_uncaught_SIGBUS_ends_the_process",
                NO_ZAP,
                "the write went through",
            ),
            Control("contract/waits::E9_vmap_is_waited_for", NO_UNMAP_WAIT, TIMES_OUT),
            Control(
                "memory/vmap::E9_E15_while_suspended_is_ENODEV_warns_vmap",
                Wrong("FAIL_VMAP"),
                "dr_vmap(att, NULL): ENOMEM",
            ),
            Control(
                "memory/mmap::E9_revoke_leaves_SIGBUS_on_every_page",
                Wrong("FAIL_MMAP"),
                "ENOMEM",
            ),
            Control("contract/waits::E9_vmap_is_waited_for", NO_VMAP_OP, "EINVAL"),
            Control(
                "memory/mmap::E9_revoke_leaves_SIGBUS_on_every_page",
                Wrong("NO_MMAP_OP"),
                "EINVAL",
            ),
        ),
    ),
    "E10": Clause(
        ("exporter/revoke.c:dbr_release_work",),
        (
            Control(
                "contract/release::E10_memory_goes_back_although_a_descriptor_is_open",
                KEEP_MEMORY,
                "bytes_in_system() is",
            ),
            Control(
                "contract/release::E10_memory_goes_back_after_the_caller_gave_up",
                KEEP_MEMORY,
                "bytes_in_system() is",
            ),
        ),
        "That pages are scrubbed cannot be seen from user space, where all memory is zeroed.",
    ),
    "E11": Clause(
        ("exporter/report.c:dbr_blockers", "exporter/report.c:dbr_late_work"),
        (
            Control(
                "contract/release::E11_only_what_blocks_is_named",
                Wrong(misbehave="STUCK_FENCE"),
                "2 blockers, one of them of type 1: dmabuf-revoke-importer dynamic",
                waits=True,
            ),
        ),
    ),
    "E12": Clause(
        ("exporter/registry.c:dbr_buffer_get",),
        (
            Control(
                "interface/strangers::E12_stranger_may_not_revoke",
                Wrong(nobody_is_root=True),
                "success, expected EPERM",
            ),
            Control(
                "interface/strangers::E12_stranger_sees_only_its_own_buffers",
                Wrong(nobody_is_root=True),
                "EEXIST",
            ),
        ),
        "A module that waives a check of rights on demand would be a hole, so there is no fault.",
    ),
    "E13": Clause(
        ("exporter/revoke.c:dbr_orphan_work", "exporter/main.c:dbr_release"),
        (
            Control(
                "contract/release::E13_orphan_stays_until_its_blocker_is_gone",
                NO_UNMAP_WAIT,
                "state is 2, expected",
            ),
            Control(
                "contract/release::E13_orphan_stays_until_its_blocker_is_gone",
                NO_FENCE_WAIT,
                "state is 2, expected",
            ),
        ),
        "A worker revokes, so nothing that is wrong on purpose holds close() up.",
    ),
    "E14": Clause(
        (
            "exporter/move.c:dbr_move_check",
            "exporter/move.c:dbr_move_commit",
            "exporter/move.c:dbr_move_work",
        ),
        (
            Control(
                "contract/moves::E14_contents_survive_a_move",
                Wrong("MOVE_NO_COPY"),
                "crc32(memory, LENGTH) is",
            ),
            Control(
                "contract/moves::E14_pinned_buffer_does_not_move",
                Wrong("MOVE_PINNED"),
                "success, expected EBUSY",
            ),
            Control(
                "contract/moves::E14_pinned_buffer_does_not_move",
                Wrong("NO_PIN_OP"),
                "success, expected EBUSY",
            ),
            Control(
                "contract/moves::E14_I6_device_sees_the_new_pages",
                Wrong("NO_TELL"),
                "device_crc(att, 0, LENGTH) is",
                needs="MAP_UNPINNED",
            ),
            Control(
                "contract/moves::E14_cpu_mapping_sees_the_new_pages",
                NO_ZAP,
                "device_crc(att, 0, LENGTH) is",
            ),
        ),
    ),
    "E15": Clause(
        ("exporter/revoke.c:dbr_revoke", "exporter/revoke.c:dbr_try_restore"),
        (
            Control(
                "contract/moves::E15_counts_are_zero_after_suspensions_and_a_revoke",
                KEEP_PIN,
                "pending.pins is 1, expected 0",
            ),
            Control(
                "contract/moves::E15_restore_waits_for_the_fence_that_was_left_behind",
                Wrong("WEAK_FENCE_WAIT"),
                TIMES_OUT,
            ),
            Control(
                "contract/moves::E15_restore_waits_for_the_fence_that_was_left_behind",
                NO_FENCE_WAIT,
                TIMES_OUT,
            ),
        ),
    ),
    "E16": Clause(
        (
            "exporter/ioctl.c:dbr_buffer_hand_out",
            "importer/main.c:dbi_ioctl_attach",
            "importer/job.c:dbi_job_start",
        ),
        (Control("gates/failing::leaves_a_descriptor", Wrong(), "open_fds() is"),),
        "A descriptor that is published too early leads to freed memory, so no fault does it. "
        "What is shown is that the cases notice a descriptor that is left.",
    ),
    "E17": Clause(
        (
            "exporter/registry.c:dbr_buffer_unregister",
            "exporter/registry.c:dbr_buffer_pop",
        ),
        (),
        "A use of freed memory, so no fault does it. KASAN, on a debug kernel, would notice "
        "it; that its report turns the log gate red is shown by gates/test_red.py.",
    ),
    "E18": Clause(
        (
            "exporter/attachment.c:dbr_dmabuf_attach",
            "exporter/attachment.c:dbr_suits_device",
            "exporter/mapping.c:dbr_device_can_map",
        ),
        (
            Control(
                "importer/peer::E18_device_that_can_map_nothing_is_refused_when_it_attaches",
                Wrong("LATE_REFUSAL"),
                "success, expected EIO",
            ),
        ),
    ),
    "E19": Clause(
        ("exporter/mapping.c:dbr_device_limits", "exporter/pages.c:dbr_pages_to_sg"),
        (
            Control(
                "importer/peer::E19_segments_fit_the_device",
                Wrong("BIG_SEGMENTS"),
                "segment 0 of",
            ),
        ),
    ),
    "E20": Clause(
        (
            "exporter/attachment.c:dbr_dmabuf_pin",
            "exporter/attachment.c:dbr_dmabuf_map",
            "exporter/cpu.c:dbr_dmabuf_vmap",
        ),
        (),
        "Who takes it waits for himself, for ever, so nothing provokes it. Lockdep reports it at "
        "the first call.",
    ),
    "E21": Clause(
        (
            "exporter/cpu.c:dbr_dmabuf_begin_cpu_access",
            "exporter/cpu.c:dbr_dmabuf_end_cpu_access",
            "exporter/mapping.c:dbr_mappings_sync_for_cpu",
        ),
        (
            Control(
                "memory/sync::E21_E3_access_that_waits_while_the_buffer_is_revoked_is_ENODEV",
                Wrong("SYNC_EARLY"),
                "access->result is 0, expected -19",
            ),
            Control(
                "importer/peer::E21_end_of_a_reader_leaves_what_the_device_wrote_meanwhile",
                Wrong("FAIL_CPU_ACCESS"),
                "ENOMEM",
            ),
        ),
        "What is not synchronised is seen only where DMA is bounced or not coherent.",
    ),
    "E22": Clause(
        (
            "exporter/attachment.c:dbr_dmabuf_map",
            "exporter/attachment.c:dbr_dmabuf_unmap",
            "exporter/mapping.c:dbr_mapping_map",
        ),
        (
            Control(
                "importer/peer::E22_attachment_is_mapped_several_times",
                Wrong("ONE_MAP"),
                "is -16, expected 1",
            ),
        ),
    ),
    "E23": Clause(
        ("exporter/pages.c:dbr_pages_alloc", "exporter/ioctl.c:dbr_ioctl_export"),
        (),
        "There is no way to have a buffer of other memory, so nothing provokes it.",
    ),
    "E24": Clause(
        (
            "exporter/cpu.c:dbr_dmabuf_mmap",
            "exporter/cpu.c:dbr_vm_fault",
            "exporter/state.c:dbr_zap",
        ),
        users.E24,
    ),
    "E25": Clause(
        ("exporter/revoke.c:dbr_try_restore",),
        (
            Control(
                "importer/peer::E25_restore_refuses_nobody_whom_it_tells",
                Wrong("TELL_ON_RESTORE"),
                "refusals(peer) is 2, expected 1",
            ),
        ),
        "Nobody is told of a restore: who was refused maps again when there is something to do.",
    ),
}

IMPORTER = {
    "I1": Clause(
        ("importer/attachment.c:dbi_attachment_create",),
        (
            Control(
                "contract/importer::I1_fresh_attachment_can_be_invalidated",
                Wrong("NO_TELL"),
                "invalidations is 0, expected 1",
            ),
        ),
        "A callback on an incomplete attachment would use what is not there yet. What is "
        "shown is that the case notices a callback that does not arrive.",
    ),
    "I2": Clause(
        (
            "importer/kinds.c:dbi_dynamic_invalidate",
            "importer/kinds.c:dbi_pinned_invalidate",
        ),
        (
            Control(
                "contract/devices::I2_callback_is_over_quickly",
                SLOW_CALLBACK,
                "the callback took",
            ),
            Control(
                "contract/devices::I2_I4_idle_mapping_is_gone_when_the_callback_returns",
                IGNORE,
                "ETIMEDOUT",
            ),
            Control(
                "contract/devices::I2_I4_idle_mapping_is_gone_when_the_callback_returns",
                REMAP,
                "remap_error is -19, expected 0",
            ),
        ),
        "To take a forbidden lock in the callback is a deadlock: lockdep would notice it.",
    ),
    "I3": Clause(
        (
            "importer/engine/channel.c:dbi_engine_cut",
            "importer/engine/channel.c:dbi_engine_drain",
        ),
        (
            Control(
                "contract/importer::I3_no_job_starts_after_the_callback",
                Wrong(misbehave="NEW_DMA"),
                "out.status is 0, expected -125",
            ),
            Control(
                "contract/devices::I3_nothing_is_written_after_the_unmap",
                Wrong(misbehave="DMA_AFTER_UNMAP"),
                "1 pages were written to, the first at 0",
            ),
            Control(
                "contract/devices::I3_no_fence_is_added_after_the_callback",
                Wrong(misbehave="FENCE_AFTER", delay_ms=HOUR_MS),
                "pending.fences is 1, expected 0",
            ),
        ),
    ),
    "I4": Clause(
        (
            "importer/mapping.c:dbi_mapping_settle",
            "importer/mapping.c:dbi_mapping_release",
        ),
        (
            Control(
                "contract/devices::I4_unmap_follows_the_fence_at_once",
                Wrong(misbehave="LATE_UNMAP", delay_ms=150),
                "it unmapped",
            ),
            Control(
                "contract/devices::I2_I4_idle_mapping_is_gone_when_the_callback_returns",
                NO_UNMAP,
                "ETIMEDOUT",
            ),
            Control(
                "contract/devices::I2_I4_idle_mapping_is_gone_when_the_callback_returns",
                CLEAR_ONLY,
                "ETIMEDOUT",
            ),
        ),
    ),
    "I5": Clause(
        (
            "importer/kinds.c:dbi_pinned_invalidate",
            "importer/mapping.c:dbi_mapping_release",
        ),
        (
            Control(
                "contract/importer::I5_pinned_importer_unmaps_unpins_and_stays_dead",
                KEEP_PIN,
                "status(att).pinned is 1, expected 0",
            ),
            Control(
                "contract/importer::I5_pinned_importer_unmaps_unpins_and_stays_dead",
                REVIVE,
                "status(att).state is 0, expected",
            ),
            Control(
                "contract/moves::I5_pinned_importer_stays_dead_after_a_restore",
                REVIVE,
                "success, expected ENODEV",
            ),
        ),
    ),
    "I6": Clause(
        (
            "importer/mapping.c:dbi_mapping_create",
            "importer/job.c:dbi_job_need_mapping",
        ),
        (
            Control(
                "contract/moves::E14_I6_device_sees_the_new_pages",
                IGNORE,
                "device_crc(att, 0, LENGTH) is",
                needs="MAP_UNPINNED",
            ),
            Control(
                "contract/moves::E14_I6_device_sees_the_new_pages",
                CLEAR_ONLY,
                "EIO",
            ),
        ),
    ),
    "I7": Clause(
        ("importer/kinds.c:dbi_stop_and_unmap",),
        (
            Control(
                "contract/moves::I7_second_call_unpins_nothing",
                Wrong(misbehave="DOUBLE_UNPIN"),
                "unpinned without a pin",
                KERNEL_LOG,
            ),
            Control(
                "contract/importer::I7_nothing_changes_after_the_first_call",
                Wrong("TELL_TWICE"),
                "invalidations is 2, expected 1",
            ),
        ),
    ),
    "I8": Clause(
        (
            "importer/engine/channel.c:dbi_job_end",
            "importer/engine/channel.c:dbi_engine_work",
            "importer/job.c:dbi_job_commit",
        ),
        (
            Control(
                "contract/importer::I8_fence_of_a_job_that_runs_to_its_end_signals",
                Wrong(misbehave="STUCK_FENCE"),
                "the fence does not signal",
                waits=True,
            ),
            Control(
                "contract/devices::I8_fence_follows_the_job_at_once",
                Wrong(misbehave="LATE_FENCE", delay_ms=150),
                "the fence signalled",
            ),
            Control(
                "contract/devices::I8_fence_of_a_job_that_ends_well_has_no_error",
                Wrong(misbehave="FENCE_ERROR"),
                "fence_status(fence) is -5, expected 1",
            ),
            Control(
                "contract/devices::I8_fence_has_the_usage_of_its_job",
                Wrong(misbehave="KERNEL_FENCE"),
                "usage_of(DMABUF_REVOKE_OP_WRITE, 0) is 0, expected 1",
            ),
        ),
    ),
    "I9": Clause(
        (
            "importer/mapping.c:dbi_mapping_unmap",
            "importer/mapping.c:dbi_mapping_release",
            "importer/mapping.c:dbi_mappings_end",
        ),
        (
            Control(
                "contract/devices::I9_pins_are_balanced",
                Wrong(misbehave="DOUBLE_UNPIN"),
                "unpinned without a pin",
                KERNEL_LOG,
            ),
            Control(
                "contract/devices::I9_pins_are_balanced", KEEP_PIN, "pending.pins is"
            ),
            Control(
                "contract/devices::I9_pins_are_balanced", Wrong("FAIL_PIN"), "ENOMEM"
            ),
            Control(
                "contract/devices::I9_pins_are_balanced", Wrong("FAIL_MAP"), "ENOMEM"
            ),
            Control(
                "contract/devices::I9_pins_are_balanced", Wrong("FAIL_ATTACH"), "ENOMEM"
            ),
        ),
    ),
    "I10": Clause(
        ("importer/job.c:dbi_job_commit", "importer/engine/channel.c:dbi_engine_await"),
        (
            Control(
                "contract/dma::I10_job_waits_for_the_contents_of_its_mapping",
                SKIP_KERNEL_FENCE,
                "success, expected ETIMEDOUT",
            ),
            Control(
                "contract/dma::I10_job_waits_for_a_writer",
                SKIP_KERNEL_FENCE,
                "success, expected ETIMEDOUT",
            ),
        ),
    ),
    "I11": Clause(
        ("exporter/cpu.c:dbr_dmabuf_mmap", "exporter/state.c:dbr_zap"),
        (),
        "An attachment has no mmap. A driver's that calls dma_buf_mmap() is the exporter's, of "
        "which E9 is.",
    ),
    "I12": Clause(
        (
            "importer/engine/pass.c:dbi_pos_advance",
            "importer/engine/reach.c:dbi_reach_open",
        ),
        (
            Control(
                "contract/dma::I12_device_reads_every_segment",
                ONE_SEGMENT,
                "device_crc(att, 0, length) is",
            ),
            Control(
                "contract/dma::I12_device_writes_every_segment",
                ONE_SEGMENT,
                "the device missed byte",
            ),
        ),
    ),
    "I13": Clause(
        (
            "importer/engine/software.c:dbi_software_access",
            "importer/engine/reach.c:dbi_reach",
        ),
        (),
        "An importer that looks for pages finds none where CONFIG_DMABUF_DEBUG takes them out "
        "of every table: the suite runs on such a kernel.",
    ),
    "I14": Clause(
        (
            "importer/job.c:dbi_check_range",
            "importer/engine/pass.c:dbi_pass",
        ),
        (
            Control(
                "contract/dma::I14_device_reads_its_range",
                WRONG_RANGE,
                "device_crc(att, OFFSET, RANGE) is",
            ),
            Control(
                "contract/dma::I14_device_writes_nothing_but_its_range",
                WRONG_RANGE,
                "the device changed byte 0",
            ),
        ),
    ),
    "I15": Clause(
        ("importer/attachment.c:dbi_attachment_destroy",),
        (),
        "A callback on what is gone uses freed memory, so nothing provokes it: KASAN would "
        "notice it.",
    ),
    "I16": Clause(
        ("importer/mapping.c:dbi_map", "importer/mapping.c:dbi_mapping_create"),
        (
            Control(
                "contract/devices::I16_what_is_invalidated_while_it_is_mapped_is_given_back",
                Wrong(misbehave="STALE"),
                "success, expected EAGAIN",
            ),
        ),
    ),
    "I17": Clause(
        (
            "importer/attachment.c:dbi_attachment_create",
            "importer/attachment.c:dbi_ioctl_map",
            "importer/job.c:dbi_job_start",
            "importer/vmap.c:dbi_vmap",
        ),
        (
            Control(
                "contract/devices::I17_failed_map_is_passed_on",
                LOOP_ON_ERROR,
                "MAP does not return",
                waits=True,
            ),
            Control(
                "contract/devices::I17_failed_map_of_a_job_is_passed_on",
                LOOP_ON_ERROR,
                "SUBMIT does not return",
                waits=True,
            ),
        ),
    ),
    "I18": Clause(
        (
            "importer/attachment.c:dbi_attachment_destroy",
            "importer/engine/channel.c:dbi_engine_close",
        ),
        (
            Control(
                "contract/devices::I18_no_fence_is_left_when_the_file_is_closed",
                Wrong(misbehave="FENCE_OUTLIVES", delay_ms=5000),
                "pending.fences is 1, expected 0",
            ),
        ),
    ),
}

CLAUSES = {**EXPORTER, **IMPORTER}
