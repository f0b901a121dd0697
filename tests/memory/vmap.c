// SPDX-License-Identifier: GPL-2.0-only
/*
 * E9: a vmap cannot be taken back, so it is a blocker. Where the exporter refuses
 * one the core warns, once per boot: such cases have "warns_vmap" in their names.
 */
#include <linux/dma-buf.h>

#include "life.h"

CASE(vmap, shows_the_contents)
{
	const uint64_t length = 16 * MIB;
	struct buffer buffer = buffer_alloc(length, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint32_t crc;

	fill_noise(memory, length, 3);
	succeeds(dr_vmap(att, &crc));
	equal(crc, crc32(memory, length));
	equal(status(att).vmapped, 1);
	succeeds(dr_vunmap(att));
	equal(status(att).vmapped, 0);
	memory[length - 1] ^= 1;
	succeeds(dr_vmap(att, &crc));
	equal(crc, crc32(memory, length));
	close(att);
	nothing_is_in_use(buffer.id);
	cpu_unmap(memory, length);
	close(buffer.fd);
}

CASE(vmap, one_per_attachment)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	fails(dr_vunmap(att), ENXIO);
	succeeds(dr_vmap(att, NULL));
	fails(dr_vmap(att, NULL), EBUSY);
	succeeds(dr_vunmap(att));
	fails(dr_vunmap(att), ENXIO);
	close(att);
	close(buffer.fd);
}

CASE(vmap, E9_E6_holds_up_a_revoke_and_the_memory)
{
	struct buffer buffer = buffer_alloc(16 * PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_revoke out;

	succeeds(dr_vmap(att, NULL));
	equal(query(buffer.id).pending.vmaps, 1);
	out = revoke_times_out(buffer.id, 20 * MSEC);
	equal(out.pending.vmaps, 1);
	equal(out.pending.maps, 0);
	equal(bytes_in_system(), 16 * PAGE);
	succeeds(dr_vunmap(att));
	revoke_fully(buffer.id);
	equal(bytes_in_system(), 0);
	close(att);
	close(buffer.fd);
}

CASE(vmap, E9_E15_holds_up_a_suspension)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);

	succeeds(dr_vmap(att, NULL));
	equal(suspend_times_out(buffer.id, 0).pending.vmaps, 1);
	succeeds(dr_vunmap(att));
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_SUSPENDED);
	restore_fully(buffer.id);
	close(att);
	close(buffer.fd);
}

/* Who has it may want to come to an end; if it waited, neither side would. */
CASE(vmap, E9_E15_E21_is_accessed_while_the_buffer_is_being_suspended)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_vmap(att, NULL));
	suspend_times_out(buffer.id, 0);
	succeeds(sync_cpu_access(buffer.fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	succeeds(sync_cpu_access(buffer.fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	succeeds(dr_vunmap(att));
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_SUSPENDED);
	restore_fully(buffer.id);
	close(att);
	close(buffer.fd);
}

CASE(vmap, E9_goes_with_the_file)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_vmap(att, NULL));
	revoke_times_out(buffer.id, 0);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

/* The core maps once, counts those who asked, and unmaps for the last of them. */
CASE(vmap, E9_each_of_two_holds_it_up)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int a = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int b = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_vmap(a, NULL));
	succeeds(dr_vmap(b, NULL));
	equal(query(buffer.id).pending.vmaps, 1);
	revoke_times_out(buffer.id, 0);
	succeeds(dr_vunmap(a));
	equal(revoke_times_out(buffer.id, 0).pending.vmaps, 1);
	succeeds(dr_vunmap(b));
	revoke_fully(buffer.id);
	close(b);
	close(a);
	close(buffer.fd);
}

CASE(vmap, E9_E13_outlives_the_owner)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_vmap(att, NULL));
	close(owner);
	close(buffer.fd);
	holds(eventually(is_orphaned, buffer.id));
	equal(query(buffer.id).pending.vmaps, 1);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_REVOKING);
	succeeds(dr_vunmap(att));
	holds(eventually(is_gone, buffer.id));
	equal(bytes_in_system(), 0);
	close(att);
}

CASE(vmap, E3_E9_after_a_revoke_is_ENODEV_warns_vmap)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	revoke_fully(buffer.id);
	fails(dr_vmap(att, NULL), ENODEV);
	equal(status(att).vmapped, 0);
	close(att);
	close(buffer.fd);
}

CASE(vmap, E9_E15_while_suspended_is_ENODEV_warns_vmap)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	suspend_fully(buffer.id);
	fails(dr_vmap(att, NULL), ENODEV);
	restore_fully(buffer.id);
	succeeds(dr_vmap(att, NULL));
	close(att);
	close(buffer.fd);
}

CASE(vmap, E9_policy_refuses_it_warns_vmap)
{
	struct buffer buffer = buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_REFUSE_VMAP);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	equal(query(buffer.id).alloc_flags, DMABUF_REVOKE_ALLOC_REFUSE_VMAP);
	fails(dr_vmap(att, NULL), EOPNOTSUPP);
	equal(status(att).vmapped, 0);
	/* All else it admits. */
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	suspend_fully(buffer.id);
	fails(dr_vmap(att, NULL), ENODEV);
	restore_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	close(att);
	close(buffer.fd);
}

/* Whoever vmaps cannot be invalidated, and cannot be named. */
CASE(vmap, E9_E11_is_a_legacy_blocker_since_then)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t before = dr_now();
	struct dmabuf_revoke_blocker blocker;

	succeeds(dr_vmap(att, NULL));
	blocker = only_blocker(buffer.id);
	equal(blocker.type, DMABUF_REVOKE_BLOCKER_VMAP);
	equal(blocker.legacy, 1);
	holds(blocker.since_ns >= before && blocker.since_ns <= dr_now());
	close(att);
	close(buffer.fd);
}

CASE(vmap, E3_E9_after_its_own_end_during_a_revoke_is_ENODEV_warns_vmap)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	succeeds(dr_vmap(att, NULL));
	revoke_times_out(buffer.id, 0);
	succeeds(dr_vunmap(att));
	fails(dr_vmap(att, NULL), ENODEV);
	close(lazy);
	revoke_fully(buffer.id);
	close(att);
	close(buffer.fd);
}

/* It waits for writers, as whoever reads has to. */
CASE(vmap, sees_what_a_writer_before_it_writes)
{
	const uint64_t pattern = 0x1122334455667788;
	struct buffer buffer = buffer_alloc(PAGE, 0);
	uint8_t *memory = cpu_map(buffer.fd, PAGE);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint32_t crc;

	submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 200 * MSEC);
	submit_fill(att, PAGE, pattern, 0);
	succeeds(dr_vmap(att, &crc));
	holds(is_filled(memory, PAGE, pattern));
	equal(crc, crc32(memory, PAGE));
	close(att);
	cpu_unmap(memory, PAGE);
	close(buffer.fd);
}
