// SPDX-License-Identifier: GPL-2.0-only
/*
 * Message passing: who sees, without a lock, that something has ended finds all that came
 * before the end. Each case is one such read of the modules, on two CPUs, again and again;
 * on a CPU that keeps loads and stores in order, as an x86 does and an emulator on one, a
 * barrier that is missing goes unseen.
 */
#include <stdlib.h>

#include "life.h"

#define LENGTH (64 * KIB)

TIME_LIMIT(60);

/* dbr_is_in() of dbr_revoke_await(): REVOKED, and the memory is not counted any more. */
CASE(order, E10_who_sees_it_revoked_sees_the_memory_given_back)
{
	struct luck luck = { .rounds = 200 };

	while (luck_lasts(&luck)) {
		struct buffer buffer = buffer_alloc(4 * MIB, 0);
		int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
					DMABUF_REVOKE_ATTACH_DEFER_UNMAP);

		holds(revoke_fully(buffer.id).phases.give_back_ns);
		equal(bytes_in_system(), 0);
		close(att);
		close(buffer.fd);
	}
}

/* dbr_move_wait(): the move is over, and its old pages are not counted any more. */
CASE(order, E14_who_sees_the_move_over_sees_the_old_pages_gone)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct luck luck = { .rounds = 500 };

	while (luck_lasts(&luck)) {
		move_fully(buffer.id);
		equal(bytes_in_system(), LENGTH);
	}
	close(buffer.fd);
}

/* dbi_engine_await(): the fence has signalled, and what it stands for has been written. */
CASE(order, E5_who_sees_the_fence_signalled_sees_what_was_written)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	int writer = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int reader = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t *expected = malloc(LENGTH), pattern = 0, i;
	struct luck luck = { .rounds = 300 };

	holds(expected);
	while (luck_lasts(&luck)) {
		uint64_t write = submit_fill(writer, LENGTH, ++pattern, 0);
		uint64_t read = submit(reader, (struct dmabuf_revoke_submit){
			.op = DMABUF_REVOKE_OP_READ,
			.length = LENGTH,
		});

		for (i = 0; i < LENGTH / sizeof(*expected); i++)
			expected[i] = pattern;
		holds(is_filled(expected, LENGTH, pattern));
		equal(collect_ok(reader, read).crc32, crc32(expected, LENGTH));
		collect_ok(writer, write);
	}
	free(expected);
	close(reader);
	close(writer);
	close(buffer.fd);
}

/* dbi_job_is_cut(): the mapping's mode ends the job, and after that it writes nothing. */
CASE(order, I3_who_sees_the_engine_off_sees_no_more_of_its_writes)
{
	struct luck luck = { .rounds = 100 };

	while (luck_lasts(&luck)) {
		struct buffer buffer =
			buffer_alloc(LENGTH, DMABUF_REVOKE_ALLOC_QUARANTINE);
		int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
		struct dmabuf_revoke_free out;

		submit(att, (struct dmabuf_revoke_submit){
			.flags = DMABUF_REVOKE_SUBMIT_STREAM,
			.op = DMABUF_REVOKE_OP_WRITE,
			.length = LENGTH,
			.pattern = 1,
		});
		await_pass(att);
		revoke_fully(buffer.id);
		close(att);
		succeeds(dr_free(exporter, buffer.id, NULL, 0, &out));
		equal(out.checked, 1);
		equal(out.changed, 0);
		close(buffer.fd);
	}
}
