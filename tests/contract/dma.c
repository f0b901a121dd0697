// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an importer's device owes: when it may begin, and where it may reach. Every case has
 * its control in controls/data.py.
 */
#include "deliberate.h"

#define LENGTH (64 * KIB)
#define PATTERN 0xf8f7f6f5f4f3f2f1
/* Inside of words, across pages. */
#define OFFSET (4 * KIB + 13)
#define RANGE (36 * KIB + 1)

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

/* Chunks are powers of two, so there are two segments at least. */
static uint64_t several_segments(void)
{
	return LENGTH + PAGE;
}

CASE(dma, I12_device_reads_every_segment)
{
	const uint64_t length = several_segments();
	struct buffer buffer = buffer_alloc(length, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);

	holds(status(att).segments > 1);
	fill_noise(memory, length, 12);
	equal(device_crc(att, 0, length), crc32(memory, length));
	cpu_unmap(memory, length);
	close(att);
	close(buffer.fd);
}

CASE(dma, I12_device_writes_every_segment)
{
	const uint64_t length = several_segments();
	struct buffer buffer = buffer_alloc(length, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);

	holds(status(att).segments > 1);
	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = length,
		.pattern = PATTERN,
	}));
	cpu_begins(buffer.fd);
	for (uint64_t i = 0; i < length; i++)
		holds(memory[i] == 0xf1 + i % 8, "the device missed byte %llu",
		      (long long)i);
	cpu_ends(buffer.fd);
	cpu_unmap(memory, length);
	close(att);
	close(buffer.fd);
}

CASE(dma, I14_device_reads_its_range)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);

	fill_noise(memory, LENGTH, 14);
	equal(device_crc(att, OFFSET, RANGE), crc32(memory + OFFSET, RANGE));
	cpu_unmap(memory, LENGTH);
	close(att);
	close(buffer.fd);
}

CASE(dma, I14_device_writes_nothing_but_its_range)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);

	collect_ok(att, submit(att, (struct dmabuf_revoke_submit){
		.op = DMABUF_REVOKE_OP_WRITE,
		.offset = OFFSET,
		.length = RANGE,
		.pattern = PATTERN,
	}));
	cpu_begins(buffer.fd);
	for (uint64_t i = 0; i < LENGTH; i++) {
		bool inside = i >= OFFSET && i < OFFSET + RANGE;

		holds(inside || !memory[i], "the device changed byte %llu",
		      (long long)i);
		holds(!inside || memory[i] == 0xf1 + i % 8,
		      "the device missed byte %llu", (long long)i);
	}
	cpu_ends(buffer.fd);
	cpu_unmap(memory, LENGTH);
	close(att);
	close(buffer.fd);
}
