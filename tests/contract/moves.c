// SPDX-License-Identifier: GPL-2.0-only
/*
 * Move, suspend and restore, clause by clause: the contract's E14 and E15, and what
 * an importer owes in I5 to I7. Every case has its control in controls/data.py.
 */
#include "deliberate.h"
#include "life.h"

#define LENGTH (64 * KIB)

CASE(moves, E14_contents_survive_a_move)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	uint32_t crc;

	fill_noise(memory, LENGTH, 14);
	crc = crc32(memory, LENGTH);
	move_fully(buffer.id);
	equal(query(buffer.id).moves, 1);
	equal(crc32(memory, LENGTH), crc);
	cpu_unmap(memory, LENGTH);
	close(buffer.fd);
}

CASE(moves, E14_pinned_buffer_does_not_move)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);

	fails(dr_move(exporter, buffer.id, dr_deadline(SOON)), EBUSY);
	equal(status(att).invalidations, 0);
	equal(query(buffer.id).moves, 0);
	close(att);
	move_fully(buffer.id);
	close(buffer.fd);
}

/* With a deferred unmap nobody can map before it has taken place. */
static void await_unmap(int att, uint32_t flags)
{
	if (flags & DMABUF_REVOKE_ATTACH_DEFER_UNMAP)
		while (next_event(att).type != DMABUF_REVOKE_EVENT_UNMAPPED)
			;
}

/* What the CPU writes after the move is what the device reads. */
static void device_sees_the_new_pages(uint32_t flags)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, flags);
	uint8_t *memory;

	device_crc(att, 0, LENGTH);
	move_mapped(buffer.id, att);
	await_unmap(att, flags);
	memory = cpu_map(buffer.fd, LENGTH);
	fill_noise(memory, LENGTH, 6);
	equal(device_crc(att, 0, LENGTH), crc32(memory, LENGTH));
	equal(status(att).maps, 2);
	cpu_unmap(memory, LENGTH);
	close(att);
	close(buffer.fd);
}

CASE(moves, E14_I6_device_sees_the_new_pages)
{
	device_sees_the_new_pages(0);
}

CASE(moves, E14_I6_device_that_unmaps_from_a_worker_sees_the_new_pages)
{
	device_sees_the_new_pages(DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
}

/* Mapped and touched before the move, it shows what the device writes after it. */
CASE(moves, E14_cpu_mapping_sees_the_new_pages)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	uint32_t crc;

	fill_noise(memory, LENGTH, 15);
	move_fully(buffer.id);
	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = LENGTH,
		.pattern = 0xe14e14,
	}));
	cpu_begins(buffer.fd);
	crc = crc32(memory, LENGTH);
	cpu_ends(buffer.fd);
	equal(device_crc(att, 0, LENGTH), crc);
	cpu_unmap(memory, LENGTH);
	close(att);
	close(buffer.fd);
}

CASE(moves, E15_counts_are_zero_after_suspensions_and_a_revoke)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int dynamic = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int pinned = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	uint32_t crc = device_crc(dynamic, 0, LENGTH);

	for (int i = 0; i < 3; i++) {
		suspend_fully(buffer.id);
		nothing_is_in_use(buffer.id);
		fails(dr_map(dynamic, 0), ENODEV);
		restore_fully(buffer.id);
		equal(device_crc(dynamic, 0, LENGTH), crc);
	}
	fails(dr_map(pinned, 0), ENODEV);
	suspend_fully(buffer.id);
	revoke_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	equal(status(dynamic).unmaps, 4);
	equal(status(pinned).unmaps, 1);
	close(pinned);
	close(dynamic);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

/* Whether the suspension is complete or not, that fence belongs to it. */
CASE(moves, E15_restore_waits_for_the_fence_that_was_left_behind)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     DMABUF_REVOKE_MISBEHAVE_STUCK_FENCE, 0);

	submit_running(att, buffer.fd, DMABUF_REVOKE_SUBMIT_BOOKKEEP, 600 * SEC,
		       NULL);
	dr_suspend(exporter, buffer.id, dr_deadline(10 * MSEC), NULL);
	fails(dr_restore(exporter, buffer.id, dr_deadline(10 * MSEC)),
	      ETIMEDOUT);
	close(att);
	restore_fully(buffer.id);
	close(buffer.fd);
}

CASE(moves, I5_pinned_importer_stays_dead_after_a_restore)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);

	suspend_fully(buffer.id);
	equal(status(att).pinned, 0);
	restore_fully(buffer.id);
	fails(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL), ENODEV);
	equal(status(att).maps, 1);
	close(att);
	close(buffer.fd);
}

static struct buffer buffer_that_invalidates_twice(void)
{
	return buffer_alloc_faulty(LENGTH, 0, DMABUF_REVOKE_FAULT_TELL_TWICE);
}

/* An exporter that invalidates twice, so that the second call finds nothing to do. */
CASE(moves, I7_second_call_changes_nothing)
{
	for (uint32_t flags = 0; flags < 2; flags++) {
		struct buffer buffer = buffer_that_invalidates_twice();
		int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
					flags);

		move_mapped(buffer.id, att);
		equal(status(att).invalidations, 2);
		await_unmap(att, flags);
		device_crc(att, 0, LENGTH);
		equal(status(att).unmaps, 1);
		revoke_fully(buffer.id);
		equal(status(att).invalidations, 4);
		equal(status(att).unmaps, 2);
		equal(status(att).maps, 2);
		close(att);
		close(buffer.fd);
	}
}

CASE(moves, I7_second_call_unpins_nothing)
{
	for (uint32_t flags = 0; flags < 2; flags++) {
		struct buffer buffer = buffer_that_invalidates_twice();
		int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
					flags);

		suspend_fully(buffer.id);
		equal(status(att).invalidations, 2);
		equal(status(att).unmaps, 1);
		nothing_is_in_use(buffer.id);
		close(att);
		close(buffer.fd);
	}
}
