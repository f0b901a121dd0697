// SPDX-License-Identifier: GPL-2.0-only
/* E14: other memory, the same contents, while everybody goes on. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "life.h"

TIME_LIMIT(100);

#define PATTERN 0x0807060504030201
#define DEFER DMABUF_REVOKE_ATTACH_DEFER_UNMAP

/* Of whole pages, whose size is known at run time only. */
#define LENGTHS { PAGE, 2 * PAGE, 17 * PAGE, 1 * MIB, 16 * MIB }

static void contents_are_kept(uint64_t length)
{
	struct buffer buffer = buffer_alloc(length, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	uint32_t crc;

	fill_noise(memory, length, length);
	crc = crc32(memory, length);
	equal(device_crc(att, 0, length), crc);
	move_mapped(buffer.id, att);
	equal(device_crc(att, 0, length), crc);
	equal(crc32(memory, length), crc);
	equal(query(buffer.id).moves, 1);
	equal(query(buffer.id).length, length);
	cpu_unmap(memory, length);
	close(att);
	close(buffer.fd);
}

CASE(contents, E14_contents_are_kept)
{
	const uint64_t lengths[] = LENGTHS;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		contents_are_kept(lengths[i]);
}

CASE(contents, E14_idle_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	equal(query(buffer.id).moves, 0);
	for (int i = 1; i <= 3; i++) {
		move_fully(buffer.id);
		equal(query(buffer.id).moves, i);
		nothing_is_in_use(buffer.id);
	}
	holds(eventually(bytes_are, PAGE));
	close(buffer.fd);
}

CASE(contents, E14_E4_I6_dynamic_importers_are_invalidated_once_and_map_again)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int idle = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int prompt = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int worker = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, DEFER);
	const int atts[] = { idle, prompt, worker };

	if (map_prevents_move(buffer.id, prompt))
		succeeds(dr_unmap(prompt));
	if (map_prevents_move(buffer.id, worker))
		succeeds(dr_unmap(worker));
	move_fully(buffer.id);
	expect_event(worker, DMABUF_REVOKE_EVENT_MAPPED);
	if (kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED)) {
		expect_event(worker, DMABUF_REVOKE_EVENT_INVALIDATED);
		expect_event(worker, DMABUF_REVOKE_EVENT_UNMAPPED);
	}
	for (size_t i = 0; i < ARRAY_SIZE(atts); i++) {
		equal(status(atts[i]).invalidations, 1);
		equal(status(atts[i]).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
		succeeds(dr_map(atts[i], 0));
		close(atts[i]);
	}
	close(buffer.fd);
}

CASE(contents, E14_both_ways_lead_to_the_new_pages)
{
	struct buffer buffer = buffer_alloc(64 * KIB, 0);
	int old = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint8_t *memory = cpu_map(buffer.fd, 64 * KIB);
	int late;

	memset(memory, 1, 64 * KIB);
	move_mapped(buffer.id, old);
	late = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	cpu_begins(buffer.fd);
	memset(memory, 2, 64 * KIB);
	cpu_ends(buffer.fd);
	equal(device_crc(old, 0, 64 * KIB), crc32(memory, 64 * KIB));
	equal(device_crc(late, 0, 64 * KIB), crc32(memory, 64 * KIB));
	collect_ok(old, submit_fill(old, 64 * KIB, PATTERN, 0));
	cpu_begins(buffer.fd);
	holds(is_filled(memory, 64 * KIB, PATTERN));
	cpu_ends(buffer.fd);
	equal(device_crc(late, 0, 64 * KIB), crc32(memory, 64 * KIB));
	close(late);
	cpu_unmap(memory, 64 * KIB);
	close(old);
	close(buffer.fd);
}

static bool has_made_a_pass(uint64_t att)
{
	return status(att).passes;
}

static bool is_idle(uint64_t att)
{
	return status(att).state == DMABUF_REVOKE_ATTACHMENT_IDLE;
}

/*
 * The device writes all the time, and moves get in its way: each ends the stream,
 * what was written is kept, and the next one reaches the new pages.
 */
static void streams_over_moves(uint64_t length, uint32_t flags, int moves)
{
	struct buffer buffer = buffer_alloc(length, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, flags);
	uint8_t *memory = cpu_map(buffer.fd, length);

	for (int i = 1; i <= moves; i++) {
		uint64_t job = submit(att, (struct dmabuf_revoke_submit){
			.flags = DMABUF_REVOKE_SUBMIT_STREAM,
			.op = DMABUF_REVOKE_OP_WRITE,
			.length = length,
			.pattern = PATTERN * i,
		});

		holds(eventually(has_made_a_pass, att));
		if (map_prevents_move(buffer.id, att)) {
			/* Nothing else ends a stream that is not invalidated. */
			close(att);
			move_fully(buffer.id);
			att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     flags);
		} else {
			move_fully(buffer.id);
			collect_ok(att, job);
		}
		holds(is_filled(memory, length, PATTERN * i),
		      "%llu KiB, move %d", (long long)(length / KIB), i);
		holds(eventually(is_idle, att));
	}
	equal(query(buffer.id).moves, moves);
	cpu_unmap(memory, length);
	close(att);
	close(buffer.fd);
}

CASE(contents, E14_writes_under_way_arrive)
{
	const uint64_t lengths[] = LENGTHS;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		streams_over_moves(lengths[i], 0, lengths[i] < MIB ? 12 : 3);
}

CASE(contents, E14_writes_under_way_arrive_with_a_deferred_unmap)
{
	const uint64_t lengths[] = LENGTHS;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		streams_over_moves(lengths[i], DEFER, lengths[i] < MIB ? 12 : 3);
}

/*
 * The device goes on to write to the old pages, and ends its job there, while the
 * buffer has new ones.
 */
static void job_ends_on_the_old_pages(uint64_t id, int att, uint64_t first)
{
	uint64_t fill = submit_fill(att, PAGE, PATTERN, 0);

	fails(dr_move(exporter, id, 0), ETIMEDOUT);
	equal(query(id).moves, 1);
	fails(dr_move(exporter, id, 0), EBUSY);
	equal(collect_ok(att, first).passes, 1);
	/* Had not begun, and must not begin on the old mapping. */
	equal(collect(att, fill).status, -ECANCELED);
}

/* A fence of somebody else keeps the copy back for as long as we look. */
CASE(contents, E14_copy_waits_for_the_job_under_way)
{
	const uint64_t length = 64 * KIB;
	struct buffer buffer = buffer_alloc(length, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, DEFER);
	int other, fence = foreign_fence(600 * SEC, &other);
	uint64_t first = submit_running(att, buffer.fd,
					DMABUF_REVOKE_SUBMIT_BOOKKEEP,
					100 * MSEC, NULL);
	uint8_t *memory = cpu_map(buffer.fd, length);

	succeeds(import_fence(buffer.fd, fence));
	if (map_prevents_move(buffer.id, att))
		equal(collect_ok(att, first).passes, 1);
	else
		job_ends_on_the_old_pages(buffer.id, att, first);
	close(other);
	/* Waits for the contents by itself. */
	equal(memory[0], 0xff);
	equal(memory[1], 0);
	cpu_unmap(memory, length);
	close(att);
	close(fence);
	close(buffer.fd);
}

static void job_waits_for_the_contents(uint32_t flags)
{
	const uint64_t length = 64 * KIB;
	struct buffer buffer = buffer_alloc(length, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int other, fence = foreign_fence(600 * SEC, &other);
	uint8_t *memory = cpu_map(buffer.fd, length);
	uint64_t job;
	uint32_t crc;

	fill_noise(memory, length, 9);
	crc = crc32(memory, length);
	succeeds(import_fence(buffer.fd, fence));
	fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);
	job = submit(att, (struct dmabuf_revoke_submit){
		.flags = flags,
		.length = length,
	});
	fails(dr_wait(att, job, dr_deadline(20 * MSEC),
		      &(struct dmabuf_revoke_wait){}), ETIMEDOUT);
	close(other);
	equal(collect_ok(att, job).crc32, crc);
	cpu_unmap(memory, length);
	close(fence);
	close(att);
	close(buffer.fd);
}

CASE(contents, E14_job_waits_for_the_contents)
{
	job_waits_for_the_contents(0);
}

/* No implicit synchronisation; but for fences of the kernel everybody waits. */
CASE(contents, E14_job_without_implicit_fences_waits_for_the_contents)
{
	job_waits_for_the_contents(DMABUF_REVOKE_SUBMIT_BOOKKEEP);
}

CASE(contents, E14_pinned_buffer_is_EBUSY)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	static const uint32_t kinds[] = {
		DMABUF_REVOKE_KIND_PINNED,
		DMABUF_REVOKE_KIND_LEGACY_STATIC,
		DMABUF_REVOKE_KIND_LEGACY_RDMA,
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int importer = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
					 0);
		int att = attach_mapped(buffer.fd, kinds[i], 0);

		fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER),
		      EBUSY);
		/* Nothing happened. */
		equal(status(importer).invalidations, 0);
		equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
		close(att);
		close(importer);
	}
	move_fully(buffer.id);
	close(buffer.fd);
}

CASE(contents, E14_vmapped_buffer_is_EBUSY)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint32_t before, after;

	succeeds(dr_vmap(att, &before));
	fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), EBUSY);
	succeeds(dr_vunmap(att));
	move_fully(buffer.id);
	succeeds(dr_vmap(att, &after));
	equal(after, before);
	close(att);
	close(buffer.fd);
}

CASE(contents, E14_E15_suspended_buffer_is_EBUSY)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int lazy = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				      DMABUF_REVOKE_MISBEHAVE_NO_UNMAP, 0);

	suspend_fully(buffer.id);
	fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), EBUSY);
	restore_fully(buffer.id);
	succeeds(dr_map(lazy, 0));
	suspend_times_out(buffer.id, 0);
	fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), EBUSY);
	close(lazy);
	restore_fully(buffer.id);
	move_fully(buffer.id);
	close(buffer.fd);
}

CASE(contents, E14_revoked_buffer_is_ENODEV)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	revoke_times_out(buffer.id, 0);
	fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), ENODEV);
	close(lazy);
	revoke_fully(buffer.id);
	fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), ENODEV);
	equal(query(buffer.id).moves, 0);
	holds(eventually(bytes_are, 0));
	close(buffer.fd);
}

CASE(contents, E14_quarantined_buffer_is_EOPNOTSUPP)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_QUARANTINE);

	fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), EOPNOTSUPP);
	equal(bytes_in_system(), PAGE);
	close(buffer.fd);
}

static void old_pages_stay(uint64_t id)
{
	move_fully(id);
	equal(bytes_in_system(), 32 * PAGE);
	equal(query(id).pending.maps, 1);
	/* That it is kept does not keep the buffer from moving on. */
	move_fully(id);
	holds(eventually(bytes_are, 32 * PAGE));
}

/* A mapping that its importer does not release keeps the old pages. */
CASE(contents, E14_E6_old_pages_stay_until_the_last_unmap)
{
	struct buffer buffer = buffer_alloc(16 * PAGE, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     DMABUF_REVOKE_MISBEHAVE_NO_UNMAP, 0);

	succeeds(dr_map(att, 0));
	if (!map_prevents_move(buffer.id, att))
		old_pages_stay(buffer.id);
	close(att);
	holds(eventually(bytes_are, 16 * PAGE));
	close(buffer.fd);
}

CASE(contents, E14_both_copies_count_while_the_contents_are_on_their_way)
{
	struct buffer buffer = buffer_alloc(16 * PAGE, 0);
	int other, fence = foreign_fence(600 * SEC, &other);
	struct dmabuf_revoke_blocker blocker[2];
	uint32_t count;

	succeeds(import_fence(buffer.fd, fence));
	fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);
	equal(bytes_in_system(), 32 * PAGE + FOREIGN);
	succeeds(dr_blockers(exporter, buffer.id, blocker, 2, &count));
	equal(count, 2);
	close(other);
	holds(eventually(bytes_are, 16 * PAGE + FOREIGN));
	close(fence);
	close(buffer.fd);
}

CASE(contents, E14_E5_revoke_waits_for_the_copy)
{
	struct buffer buffer = buffer_alloc(16 * PAGE, 0);
	int other, fence = foreign_fence(600 * SEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);
	equal(revoke_times_out(buffer.id, 20 * MSEC).pending.fences, 2);
	close(other);
	revoke_fully(buffer.id);
	holds(eventually(bytes_are, FOREIGN));
	close(fence);
	close(buffer.fd);
}

CASE(contents, E14_E13_owner_closes_in_the_middle)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(16 * PAGE, 0, &owner);
	int other, fence = foreign_fence(600 * SEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	fails(dr_move(owner, buffer.id, 0), ETIMEDOUT);
	close(owner);
	close(buffer.fd);
	holds(eventually(is_orphaned, buffer.id));
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_REVOKING);
	close(other);
	holds(eventually(is_gone, buffer.id));
	holds(eventually(bytes_are, FOREIGN));
	close(fence);
}

static void on_alarm(int sig)
{
	(void)sig;
}

CASE(contents, E14_E8_signal_ends_the_wait_and_the_move_goes_on)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(600 * SEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 0);
	fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), EINTR);
	equal(query(buffer.id).moves, 1);
	close(other);
	holds(eventually(bytes_are, PAGE + FOREIGN));
	close(fence);
	close(buffer.fd);
}

struct writer {
	pthread_t thread;
	uint8_t *memory;
	uint64_t length;
	atomic_bool stop;
	atomic_ullong rounds;
	uint64_t lost;
};

/* Writes and reads back what only this thread writes. */
static void *write_and_read_back(void *arg)
{
	struct writer *writer = arg;

	for (uint64_t i = 1; !atomic_load(&writer->stop); i++) {
		for (uint64_t at = 0; at < writer->length; at += PAGE)
			writer->memory[at + i % PAGE] = i;
		for (uint64_t at = 0; at < writer->length; at += PAGE)
			writer->lost += writer->memory[at + i % PAGE] !=
				(uint8_t)i;
		atomic_fetch_add(&writer->rounds, 1);
	}
	return NULL;
}

CASE(contents, E14_E9_cpu_writes_race_moves)
{
	const uint64_t length = 32 * PAGE;
	struct buffer buffer = buffer_alloc(length, 0);
	struct writer writer = { .length = length };

	writer.memory = cpu_map(buffer.fd, length);
	pthread_create(&writer.thread, NULL, write_and_read_back, &writer);
	for (int i = 0; i < 20; i++) {
		uint64_t rounds = atomic_load(&writer.rounds);

		while (atomic_load(&writer.rounds) == rounds)
			sched_yield();
		move_fully(buffer.id);
	}
	atomic_store(&writer.stop, true);
	pthread_join(writer.thread, NULL);
	equal(writer.lost, 0);
	cpu_unmap(writer.memory, length);
	close(buffer.fd);
}
