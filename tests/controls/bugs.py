# SPDX-License-Identifier: GPL-2.0-only
"""The classes of bug that really happened: how each is provoked, and what notices it."""
from __future__ import annotations

from .model import Bug

BUGS = {
    1: Bug(
        "no fence wait, too weak a fence wait, or its raw result",
        ("NO_FENCE_WAIT", "WEAK_FENCE_WAIT"),
        ("waits/revoke::deadline_is_kept",),
        "A revoke does not call dma_resv_wait_timeout(), so there is no result of it to return.",
    ),
    2: Bug("no unmap accounting", ("NO_UNMAP_WAIT", "LATE_UNMAP")),
    3: Bug(
        "a callback that does not do what it has to, fences that do not signal as they should",
        (
            "NO_UNMAP",
            "IGNORE",
            "STUCK_FENCE",
            "LATE_FENCE",
            "FENCE_ERROR",
            "FENCE_AFTER",
            "NEW_DMA",
        ),
    ),
    4: Bug(
        "the resv lock held while the importer needs it, or while map blocks",
        (
            "HOLD_LOCK",
            "SLOW_MAP",
            "SLOW_CALLBACK",
            "HOLD_IN_MAP",
            "HOLD_AFTER_TELL",
        ),
        ("contract/waits::E7_resv_lock_is_free_while_a_revoke_waits",),
        "For ever it would be a deadlock, so the faults hold the lock for as long as ALLOC says, or until told.",
    ),
    5: Bug(
        "the callback during attach or detach, twice, or never",
        ("TELL_TWICE", "NO_TELL"),
        (
            "contract/exporter::E2_I1_nobody_gets_in_once_a_revoke_has_returned",
            "life/race::E2_E6_attach_dma_and_detach_of_every_kind",
        ),
        "When it comes during attach or detach is not for a setting to choose: races do it.",
    ),
    6: Bug(
        "double unpin, unpin without the lock, pin leak",
        ("DOUBLE_UNPIN", "KEEP_PIN", "FAIL_PIN", "FAIL_MAP"),
        (
            "contract/devices::I9_failed_pin_leaves_nothing",
            "contract/devices::I9_failed_map_leaves_nothing",
        ),
        "An unpin without the lock would corrupt other exporters: lockdep would notice it, by "
        "the assertion that dbr_dmabuf_unpin() begins with.",
    ),
    7: Bug(
        "counts that underflow on revoke, restore, revoke, close",
        ("DOUBLE_UNPIN", "KEEP_PIN"),
        (
            "contract/moves::E15_counts_are_zero_after_suspensions_and_a_revoke",
            "life/owners::E13_close_after_a_revoke",
        ),
    ),
    8: Bug(
        "close races revoke; an object on a list after its release",
        (),
        (
            "life/race::E13_E17_close_of_everything",
            "contract/exporter::E17_path_descriptor_outlives_the_owner",
            "contract/exporter::E17_path_descriptor_during_a_revoke",
        ),
        "A use of freed memory, so nothing provokes it: KASAN would notice it.",
    ),
    9: Bug(
        "publishing a descriptor before nothing can fail",
        (),
        (
            "contract/exporter::E16_unwritable_argument_leaves_nothing",
            "interface/badinput/ioctls::E16_unwritable_argument_is_EFAULT",
            "interface/badinput/ioctls::E16_unwritable_argument_leaves_no_fence",
        ),
        "It leads to freed memory, so nothing provokes it.",
    ),
    10: Bug(
        "DMA after the unmap",
        ("DMA_AFTER_UNMAP",),
        (
            "devices/channels::I3_DMA_after_the_unmap_is_found_by_the_quarantine",
            "devices/edu/test_proof::test_I3_write_after_the_unmap_warns_iommu",
        ),
        "By a real device, too. An IOMMU stops it, and the kernel's log says so.",
    ),
    11: Bug(
        "CPU mappings that survive; a fault that races the zap",
        ("NO_ZAP",),
        ("memory/mmap::E9_faults_race_the_zap",),
    ),
    12: Bug(
        "a handle that comes alive again",
        ("REVIVE", "LATE_MAP", "REMAP"),
        ("interface/buffers::alloc_never_uses_an_id_again",),
    ),
    13: Bug(
        "fence operations after the module was unloaded",
        (),
        (
            "life/unload/test_moments::test_E17_unload_moment",
            "life/unload/test_right_after::test_E17_unload_right_after",
        ),
        "A jump into memory that is gone: nothing provokes it, an oops would be noticed.",
    ),
    14: Bug(
        "concurrent sync, poll, debugfs and revoke",
        (),
        ("life/race::E3_E9_cpu_access_poll_query_and_debug_files",),
        "A race that is lost is corruption, so nothing provokes it.",
    ),
    15: Bug(
        "size arithmetic",
        (),
        (
            "interface/buffers::alloc_rounds_up_to_a_page",
            "interface/badinput/exporter::alloc_length",
            "importer/jobs::large_buffer_from_end_to_end",
            "importer/jobs::copy_crosses_segment_borders",
            "memory/shapes::E10_repeated_beyond_8_GiB_warns_overlap",
        ),
        "An entry of a table has a length below 4 GiB, so no segment is longer.",
    ),
    16: Bug(
        "work left over from an earlier mapping, which unmaps the present one",
        (),
        (
            "importer/mappings::I4_I9_left_over_unmap_spares_the_next_mapping",
            "importer/mappings::I3_I4_unmaps_beside_moves_are_below_no_job",
        ),
        "DMA into memory that was given back: nothing provokes it.",
    ),
    17: Bug(
        "an account that wraps, or refuses who is within the limit",
        (),
        (
            "memory/test_limits::test_E10_revoked_buffer_makes_room_below_the_limit",
            "memory/test_limits::test_what_a_user_gives_back_is_his_again",
            "memory/shapes::E10_repeated_takes_no_more_than_is_counted",
        ),
        "To be wrong on purpose here is to let anybody take all memory.",
    ),
    18: Bug(
        "data in a bounce buffer or a cache, when somebody looks at the pages",
        (),
        (
            "memory/move/dma::E14_what_a_device_wrote_is_kept_although_it_unmaps_later",
            "importer/peer::E21_end_of_a_reader_leaves_what_the_device_wrote_meanwhile",
        ),
        "It shows where DMA is bounced: the guest 7.3-swiotlb.",
    ),
    19: Bug(
        "a callback that is one in name only, or clears a translation and never maps again",
        ("CLEAR_ONLY", "NO_LEGACY_TEST"),
    ),
    20: Bug(
        "a fence of usage KERNEL that stands for a job; one that a user can keep from signalling",
        ("KERNEL_FENCE", "STUCK_FENCE"),
    ),
    21: Bug(
        "an invalidation in the midst of a pin or map, and valid afterwards",
        ("STALE", "TELL_IN_PIN", "TELL_IN_MAP"),
        (
            "contract/devices::I16_who_is_invalidated_while_it_maps_maps_once_more",
            "contract/devices::I16_who_is_invalidated_while_it_pins_maps_what_there_is",
        ),
    ),
    22: Bug(
        "DMA before a KERNEL fence; a table taken for one segment; a range from offset 0",
        ("SKIP_KERNEL_FENCE", "ONE_SEGMENT", "WRONG_RANGE"),
    ),
    23: Bug(
        "error paths of importing: endless, freed twice, leaked, a fence left behind",
        ("LOOP_ON_ERROR", "FENCE_OUTLIVES", "FAIL_ATTACH", "FAIL_PIN", "FAIL_MAP"),
        (
            "failnth/importer::I9_attach_pinned",
            "contract/devices::I9_failed_map_leaves_nothing",
        ),
    ),
    24: Bug(
        "fences signalled from where others wait for resv locks, or allocate",
        (),
        (
            "contract/importer::I8_fence_of_a_job_that_is_cut_short_signals",
            "importer/jobs::I8_more_attachments_than_threads_warns_overlap",
        ),
        "A deadlock: lockdep would notice it, by the annotations of the signalling path.",
    ),
}
