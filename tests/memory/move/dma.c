// SPDX-License-Identifier: GPL-2.0-only
/*
 * E14: the contents of a buffer that devices have mapped while it moves. Where DMA is
 * bounced, what they write, and what they are to see, is elsewhere than in the pages.
 */
#include <linux/dma-buf.h>

#include "life.h"

#define PATTERN 0x1122334455667788
#define LENGTH (64 * KIB)

#define HOUR (3600 * SEC)

/* The mapping on the old pages stays until long after the contents were copied. */
CASE(dma, E14_what_a_device_wrote_is_kept_although_it_unmaps_later)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);

	for (uint64_t i = 1; i <= 3; i++) {
		int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
					     DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP,
					     HOUR);

		collect_ok(att, submit_fill(att, LENGTH, PATTERN + i, 0));
		move_mapped(buffer.id, att);
		holds(is_filled(memory, LENGTH, PATTERN + i), "move %d", (int)i);
		close(att);
		holds(is_filled(memory, LENGTH, PATTERN + i), "move %d", (int)i);
	}
	cpu_unmap(memory, LENGTH);
	close(buffer.fd);
}

static bool is_idle(uint64_t att)
{
	return status(att).state == DMABUF_REVOKE_ATTACHMENT_IDLE;
}

/* The worker that unmaps and the one that copies go for it at the same time. */
CASE(dma, E14_what_a_device_wrote_is_kept_when_a_worker_unmaps)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);

	for (uint64_t i = 1; i <= 50; i++) {
		uint64_t job = submit_fill(att, LENGTH, PATTERN + i, 0);

		collect_ok(att, job);
		move_mapped(buffer.id, att);
		holds(is_filled(memory, LENGTH, PATTERN + i), "move %d", (int)i);
		holds(eventually(is_idle, att));
	}
	cpu_unmap(memory, LENGTH);
	close(att);
	close(buffer.fd);
}

/* A buffer that is about to move: the contents arrive when @other has been closed. */
struct moving {
	struct buffer buffer;
	uint8_t *memory;
	uint32_t crc;
	int fence;
	int other;
};

static struct moving moving_new(void)
{
	struct moving m = { .buffer = buffer_alloc(LENGTH, 0) };
	uint8_t *memory = cpu_map(m.buffer.fd, LENGTH);

	fill_noise(memory, LENGTH, 11);
	m.crc = crc32(memory, LENGTH);
	m.memory = memory;
	m.fence = foreign_fence(ENDLESS, &m.other);
	succeeds(import_fence(m.buffer.fd, m.fence));
	fails(dr_move(exporter, m.buffer.id, 0), ETIMEDOUT);
	return m;
}

static void moving_free(struct moving *m)
{
	cpu_unmap(m->memory, LENGTH);
	close(m->fence);
	close(m->buffer.fd);
}

CASE(dma, E14_who_maps_before_the_contents_arrive_sees_them)
{
	struct moving m = moving_new();
	int both = attach_mapped(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int reads = attach(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_map(reads, DMABUF_REVOKE_TO_DEVICE));
	close(m.other);
	/* Each job waits for the move. */
	equal(device_crc(both, 0, LENGTH), m.crc);
	equal(device_crc(reads, 0, LENGTH), m.crc);
	equal(crc32(m.memory, LENGTH), m.crc);
	/* Nor does the unmap bring anything else. */
	close(reads);
	close(both);
	equal(crc32(m.memory, LENGTH), m.crc);
	moving_free(&m);
}

CASE(dma, E14_what_a_device_leaves_alone_arrives_too)
{
	struct moving m = moving_new();
	int att = attach(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_map(att, DMABUF_REVOKE_FROM_DEVICE));
	close(m.other);
	collect_ok(att, submit_fill(att, PAGE, PATTERN, 0));
	close(att);
	holds(is_filled(m.memory, PAGE, PATTERN));
	fill_noise(m.memory, PAGE, 11);
	equal(crc32(m.memory, LENGTH), m.crc);
	moving_free(&m);
}

CASE(dma, E14_unmap_before_the_contents_arrive_is_no_loss)
{
	struct moving m = moving_new();
	int att = attach_mapped(m.buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_unmap(att));
	close(m.other);
	equal(device_crc(att, 0, LENGTH), m.crc);
	equal(crc32(m.memory, LENGTH), m.crc);
	close(att);
	moving_free(&m);
}
