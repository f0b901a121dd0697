// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an importer's device owes: when it may begin, and where it may reach. Every case has
 * its control in controls/data.py.
 */
#include "deliberate.h"

#define LENGTH (64 * KIB)

/* A job that waits for the fence of somebody else, until that one is closed. */
static void job_waits(bool moves, uint32_t flags)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int other, fence = foreign_fence(ENDLESS, &other);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	struct dmabuf_revoke_wait out;
	uint64_t job, before;
	uint32_t crc;

	fill_noise(memory, LENGTH, 10);
	crc = crc32(memory, LENGTH);
	succeeds(import_fence(buffer.fd, fence));
	if (moves)
		fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);
	job = submit(att, (struct dmabuf_revoke_submit){
		.flags = flags,
		.length = LENGTH,
	});
	let_pass(100 * MSEC);
	fails(dr_wait(att, job, 0, &out), ETIMEDOUT);
	before = dr_now();
	close(other);
	out = collect_ok(att, job);
	holds(out.started_ns >= before);
	equal(out.crc32, crc);
	cpu_unmap(memory, LENGTH);
	close(fence);
	close(att);
	close(buffer.fd);
}

/* The fence of a move has usage KERNEL: who wants no implicit synchronisation waits, too. */
CASE(dma, I10_job_waits_for_the_contents_of_its_mapping)
{
	job_waits(true, DMABUF_REVOKE_SUBMIT_BOOKKEEP);
	job_waits(true, 0);
}

CASE(dma, I10_job_waits_for_a_writer)
{
	job_waits(false, 0);
}
