// SPDX-License-Identifier: GPL-2.0-only
/*
 * One mapping after the other: what is left over from an earlier one, a job or an unmap,
 * does not touch the next.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "deliberate.h"
#include "life.h"

TIME_LIMIT(110);

#define M(name) DMABUF_REVOKE_MISBEHAVE_##name

/* --- one that is left over ------------------------------------------------- */

/*
 * A late unmap, which UNMAP has overtaken: it comes when the next mapping has been ended,
 * too, and has a job.
 */
CASE(mappings, I4_I9_left_over_unmap_spares_the_next_mapping)
{
	const uint64_t late = 200 * MSEC;
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     M(LATE_UNMAP), late);
	struct dmabuf_revoke_event unmapped;
	struct dmabuf_revoke_wait out;
	uint64_t job;

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	suspend_times_out(buffer.id, 0);
	succeeds(dr_unmap(att));
	restore_fully(buffer.id);
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	expect_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);

	job = submit_running(att, buffer.fd, 0, 4 * late, NULL);
	suspend_times_out(buffer.id, 0);
	out = collect_ok(att, job);
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	equal(expect_event(att, DMABUF_REVOKE_EVENT_JOB_DONE).job, job);
	unmapped = expect_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);
	equal(unmapped.job, 2);
	/* Jiffies are coarse. */
	holds(unmapped.time_ns > out.ended_ns + late / 2);
	equal(status(att).unmaps, 2);
	restore_fully(buffer.id);
	close(att);
	close(buffer.fd);
}

/* The same, and jobs that start on the old mapping: there is one for each of them. */
CASE(mappings, I4_I9_left_over_unmap_and_new_dma)
{
	const uint64_t late = 50 * MSEC;
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_misbehaving(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				     M(LATE_UNMAP) | M(NEW_DMA), late);
	uint64_t first, second;

	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	suspend_times_out(buffer.id, 0);
	succeeds(dr_unmap(att));
	restore_fully(buffer.id);

	first = submit_running(att, buffer.fd, 0, 4 * late, NULL);
	second = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, late);
	suspend_times_out(buffer.id, 0);
	collect_ok(att, first);
	collect_ok(att, second);
	close(att);
	suspend_fully(buffer.id);
	restore_fully(buffer.id);
	close(buffer.fd);
}

/* --- one beside the other --------------------------------------------------- */

/* A move ends the mapping that a job is on, and the next job maps anew beside it. */
CASE(mappings, I4_I6_new_one_beside_one_that_has_to_go)
{
	const uint64_t pattern = 0x0102030405060708;
	struct buffer buffer = buffer_alloc(PAGE, 0);
	uint8_t *memory = cpu_map(buffer.fd, PAGE);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	struct dmabuf_revoke_submit next = {
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = PAGE,
		.pattern = pattern,
	};
	struct dmabuf_revoke_wait first, second;
	uint64_t job, gone = 0;
	int ret;

	if (map_prevents_move(buffer.id, att))
		skip("a mapping prevents moves (FEATURE_MAP_UNPINNED)");
	job = submit_running(att, buffer.fd, 0, 500 * MSEC, NULL);
	fails(dr_move(exporter, buffer.id, 0), ETIMEDOUT);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_INVALIDATED);
	ret = dr_submit(att, &next);
	if (ret == -EBUSY)
		skip("the exporter lets an attachment map but once");
	succeeds(ret);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	equal(status(att).maps, status(att).unmaps + 2);
	fails(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL), EBUSY);
	fails(dr_unmap(att), EBUSY);

	first = collect_ok(att, job);
	second = collect_ok(att, next.job);
	holds(second.started_ns >= first.ended_ns);
	holds(is_filled(memory, PAGE, pattern));
	do {
		struct dmabuf_revoke_event event = next_event(att);

		if (event.type == DMABUF_REVOKE_EVENT_UNMAPPED) {
			gone = event.job;
			holds(event.time_ns >= first.ended_ns);
		}
	} while (gone != status(att).maps - 1);
	succeeds(dr_unmap(att));
	fails(dr_unmap(att), ENXIO);
	close(att);
	cpu_unmap(memory, PAGE);
	close(buffer.fd);
}

/* --- all at once ------------------------------------------------------------ */

#define MAX_JOBS 20000
#define MAX_MAPPINGS 40000
#define SUBMITTERS 3

struct span {
	uint64_t began;
	uint64_t ended;
};

struct crowd {
	struct buffer buffer;
	int att;
	void (*disturb)(const struct buffer *buffer);
	atomic_bool stop;
	atomic_uint nr_jobs;
	struct span jobs[MAX_JOBS];
	struct span mappings[MAX_MAPPINGS];	/* by number */
	uint64_t lost;
};

static void disturb_by_suspending(const struct buffer *buffer)
{
	dr_suspend(exporter, buffer->id, 0, NULL);
	dr_restore(exporter, buffer->id, dr_deadline(SOON));
}

static void disturb_by_moving(const struct buffer *buffer)
{
	dr_move(exporter, buffer->id, 0);
}

static void *keep_disturbing(void *arg)
{
	struct crowd *crowd = arg;

	while (!atomic_load(&crowd->stop))
		crowd->disturb(&crowd->buffer);
	return NULL;
}

static void *keep_unmapping(void *arg)
{
	struct crowd *crowd = arg;

	while (!atomic_load(&crowd->stop))
		dr_unmap(crowd->att);
	return NULL;
}

static void *keep_submitting(void *arg)
{
	struct crowd *crowd = arg;
	struct dmabuf_revoke_submit job = { .length = PAGE };

	while (!atomic_load(&crowd->stop)) {
		struct dmabuf_revoke_wait out;
		unsigned int n;

		if (dr_submit(crowd->att, &job) ||
		    dr_wait(crowd->att, job.job, dr_deadline(SOON), &out) ||
		    !out.started_ns)
			continue;
		n = atomic_fetch_add(&crowd->nr_jobs, 1);
		if (n < MAX_JOBS)
			crowd->jobs[n] = (struct span){ out.started_ns,
							out.ended_ns };
	}
	return NULL;
}

static void note_event(struct crowd *crowd)
{
	struct dmabuf_revoke_event event = next_event(crowd->att);

	if (event.job >= MAX_MAPPINGS)
		return;
	if (event.type == DMABUF_REVOKE_EVENT_MAPPED)
		crowd->mappings[event.job].began = event.time_ns;
	else if (event.type == DMABUF_REVOKE_EVENT_UNMAPPED)
		crowd->mappings[event.job].ended = event.time_ns;
}

static void *keep_reading(void *arg)
{
	struct crowd *crowd = arg;

	while (!atomic_load(&crowd->stop))
		if (is_readable(crowd->att, 10))
			note_event(crowd);
	return NULL;
}

/*
 * The mapping that a job is on is the newest one of the moment when it started. So it was on
 * @number if that was there by then, went meanwhile, and there was no newer one. (One that came
 * later is beside that of the job, and may go before it.)
 */
static void nobody_lost(const struct crowd *crowd, uint64_t number)
{
	uint64_t mapped = crowd->mappings[number].began;
	uint64_t unmapped = crowd->mappings[number].ended;
	uint64_t next = crowd->mappings[number + 1].began;
	unsigned int nr_jobs = atomic_load(&crowd->nr_jobs);

	for (unsigned int i = 0; i < nr_jobs && i < MAX_JOBS; i++) {
		const struct span *job = &crowd->jobs[i];

		if (!mapped || mapped >= job->began)
			continue;
		if (!unmapped || unmapped <= job->began || unmapped >= job->ended)
			continue;
		/* When the next one came nobody knows. */
		if (!next && crowd->lost)
			continue;
		holds(next && next < job->began,
		      "mapping %llu went at %llu, a job was on it from %llu to %llu, the next came at %llu",
		      (long long)number, (long long)unmapped,
		      (long long)job->began, (long long)job->ended,
		      (long long)next);
	}
}

static void unmaps_beside(void (*disturb)(const struct buffer *buffer))
{
	void *(*const acts[])(void *arg) = {
		keep_disturbing, keep_unmapping, keep_reading,
		keep_submitting, keep_submitting, keep_submitting,
	};
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	pthread_t threads[ARRAY_SIZE(acts)];

	crowd->buffer = buffer_alloc(PAGE, 0);
	crowd->att = attach(crowd->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			    DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	crowd->disturb = disturb;
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		pthread_create(&threads[i], NULL, acts[i], crowd);
	let_pass(3 * SEC);
	atomic_store(&crowd->stop, true);
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		pthread_join(threads[i], NULL);
	/* Up to its end each of them maps, unmaps and has jobs. */
	while (is_readable(crowd->att, 0))
		note_event(crowd);

	holds(atomic_load(&crowd->nr_jobs) > 0);
	crowd->lost = status(crowd->att).events_lost;
	for (uint64_t number = 1; number < MAX_MAPPINGS - 1; number++)
		nobody_lost(crowd, number);
	close(crowd->att);
	revoke_fully(crowd->buffer.id);
	close(crowd->buffer.fd);
	free(crowd);
}

CASE(mappings, I3_I4_unmaps_beside_suspensions_are_below_no_job)
{
	unmaps_beside(disturb_by_suspending);
}

CASE(mappings, I3_I4_unmaps_beside_moves_are_below_no_job)
{
	unmaps_beside(disturb_by_moving);
}

/* --- a map that comes while the file is closed ------------------------------ */

#define CLOSES 100

static void *close_it(void *arg)
{
	close(*(int *)arg);
	return NULL;
}

/* It maps in the callback, and its fence is held until close: which has to end. */
static void closes_beside(void (*disturb)(const struct buffer *buffer))
{
	for (int round = 0; round < CLOSES; round++) {
		/* A revoked buffer can be mapped, so the callback's map succeeds. */
		struct buffer buffer =
			buffer_alloc_faulty(PAGE, 0,
					    DMABUF_REVOKE_FAULT_LATE_MAP);
		int att = attach_misbehaving(buffer.fd,
					     DMABUF_REVOKE_KIND_DYNAMIC,
					     M(STUCK_FENCE) | M(REMAP), 0);
		pthread_t thread;

		submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, 0);
		/* Done but for its fence. */
		await_pass(att);
		pthread_create(&thread, NULL, close_it, &att);
		disturb(&buffer);
		pthread_join(thread, NULL);
		revoke_fully(buffer.id);
		nothing_is_in_use(buffer.id);
		close(buffer.fd);
	}
}

static void disturb_by_revoking(const struct buffer *buffer)
{
	dr_revoke(exporter, buffer->id, 0, NULL);
}

CASE(mappings, I8_close_beside_a_move_that_maps_again_ends)
{
	closes_beside(disturb_by_moving);
}

CASE(mappings, I8_close_beside_a_revoke_that_maps_again_ends)
{
	closes_beside(disturb_by_revoking);
}
