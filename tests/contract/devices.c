// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an importer owes, in such a form that an importer that misbehaves is found
 * out quickly. Every case has its control in controls/data.py. I5 to I7 are in
 * moves.c too.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "deliberate.h"
#include "life.h"

static const uint32_t kinds[] = {
	DMABUF_REVOKE_KIND_DYNAMIC,
	DMABUF_REVOKE_KIND_PINNED,
};

static uint64_t invalidation_time(void)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t ns;

	submit_running(att, buffer.fd, 0, 600 * SEC, NULL);
	ns = revoke_fully(buffer.id).phases.tell_ns;
	close(att);
	close(buffer.fd);
	return ns;
}

CASE(devices, I2_callback_is_over_quickly)
{
	uint64_t ns = quickest(invalidation_time);

	holds(ns < QUICK, "the callback took %llu ms",
	      (long long)(ns / MSEC));
}

/* There is nothing to wait for, so a revoke that does not wait succeeds. */
CASE(devices, I2_I4_idle_mapping_is_gone_when_the_callback_returns)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		int att = attach_mapped(buffer.fd, kinds[i], 0);

		succeeds(dr_revoke(exporter, buffer.id, 0, NULL));
		equal(status(att).unmaps, 1);
		equal(status(att).remap_error, 0);
		close(att);
		close(buffer.fd);
	}
}

/* Memory that is watched: whatever is written there after the unmap is found. */
CASE(devices, I3_nothing_is_written_after_the_unmap)
{
	struct buffer buffer =
		buffer_alloc(16 * PAGE, DMABUF_REVOKE_ALLOC_QUARANTINE);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_free out;
	uint64_t offsets[16];

	submit(att, (struct dmabuf_revoke_submit){
		.flags = DMABUF_REVOKE_SUBMIT_STREAM,
		.op = DMABUF_REVOKE_OP_WRITE,
		.length = 16 * PAGE,
		.pattern = 3,
	});
	revoke_fully(buffer.id);
	let_pass(100 * MSEC);
	succeeds(dr_free(exporter, buffer.id, offsets, ARRAY_SIZE(offsets),
			 &out));
	equal(out.checked, 1);
	holds(!out.changed, "%u pages were written to, the first at %llu",
	      out.changed, (long long)offsets[0]);
	close(att);
	close(buffer.fd);
}

CASE(devices, I3_no_fence_is_added_after_the_callback)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buffer buffer = buffer_alloc(PAGE, 0);
		int att = attach_mapped(buffer.fd, kinds[i], 0);

		dr_revoke(exporter, buffer.id, 0, NULL);
		let_pass(100 * MSEC);
		equal(query(buffer.id).pending.fences, 0);
		revoke_fully(buffer.id);
		close(att);
		close(buffer.fd);
	}
}

static uint64_t unmap_after_fence(void)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	uint64_t job = submit_running(att, buffer.fd, 0, 30 * MSEC, NULL);
	struct dmabuf_revoke_wait done;
	struct dmabuf_revoke_status out;

	revoke_fully(buffer.id);
	done = collect_ok(att, job);
	out = status(att);
	close(att);
	close(buffer.fd);
	holds(out.unmapped_ns >= done.ended_ns);
	return out.unmapped_ns - done.ended_ns;
}

CASE(devices, I4_unmap_follows_the_fence_at_once)
{
	uint64_t ns = quickest(unmap_after_fence);

	holds(ns < QUICK, "it unmapped %llu ms after its fence",
	      (long long)(ns / MSEC));
}

static uint64_t fence_after_job(void)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t job = submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 0);
	struct dmabuf_revoke_wait done = collect_ok(att, job);

	close(att);
	close(buffer.fd);
	return done.ended_ns - done.started_ns;
}

CASE(devices, I8_fence_follows_the_job_at_once)
{
	uint64_t ns = quickest(fence_after_job);

	holds(ns < QUICK, "the fence signalled %llu ms after the job began",
	      (long long)(ns / MSEC));
}

CASE(devices, I8_fence_of_a_job_that_ends_well_has_no_error)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t job;
	int fence = submit_fence(att, 0, 0, &job);

	holds(is_readable(fence, SOON / MSEC));
	equal(fence_status(fence), 1);
	collect_ok(att, job);
	close(fence);
	close(att);
	close(buffer.fd);
}

/* enum dma_resv_usage of the fence of a job that runs. */
static uint32_t usage_of(uint32_t op, uint32_t flags)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_blocker blockers[2] = {};
	uint32_t count, i = 0;

	submit_busy(att, op, flags, ENDLESS);
	succeeds(dr_blockers(exporter, buffer.id, blockers, 2, &count));
	equal(count, 2);
	if (blockers[i].type != DMABUF_REVOKE_BLOCKER_FENCE)
		i++;
	equal(blockers[i].type, DMABUF_REVOKE_BLOCKER_FENCE);
	close(att);
	close(buffer.fd);
	return blockers[i].usage;
}

CASE(devices, I8_fence_has_the_usage_of_its_job)
{
	equal(usage_of(DMABUF_REVOKE_OP_WRITE, 0), 1);
	equal(usage_of(DMABUF_REVOKE_OP_READ, 0), 2);
	equal(usage_of(DMABUF_REVOKE_OP_WRITE, DMABUF_REVOKE_SUBMIT_BOOKKEEP), 3);
}

CASE(devices, I9_pins_are_balanced)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	for (int i = 0; i < 2; i++) {
		int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);

		equal(query(buffer.id).pending.pins >= 1, 1);
		suspend_fully(buffer.id);
		equal(query(buffer.id).pending.pins, 0);
		close(att);
		equal(query(buffer.id).pending.pins, 0);
		restore_fully(buffer.id);
	}
	close(buffer.fd);
}

static struct buffer buffer_that_fails(uint64_t faults)
{
	return buffer_alloc_faulty(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY,
				   faults);
}

/* The error paths, by an exporter that fails. */
CASE(devices, I9_failed_pin_leaves_nothing)
{
	struct buffer buffer = buffer_that_fails(DMABUF_REVOKE_FAULT_FAIL_PIN);
	int lazy;

	fails(dr_attach(importer, buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0),
	      ENOMEM);
	fails(dr_attach(importer, buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0),
	      ENOMEM);
	equal(query(buffer.id).attachments, 0);
	/* The core pins on behalf of such a one when it maps. */
	lazy = dr_attach(importer, buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	if (maps_when_attaching(DMABUF_REVOKE_KIND_LEGACY_STATIC))
		fails(lazy, ENOMEM);
	else
		fails(dr_map(lazy, DMABUF_REVOKE_BIDIRECTIONAL), ENOMEM);
	equal(query(buffer.id).pending.maps, 0);
	equal(query(buffer.id).pending.pins, 0);
	if (lazy >= 0)
		close(lazy);
	close(buffer.fd);
}

static void failed_map_leaves_nothing(struct buffer *buffer, uint32_t kind)
{
	struct dmabuf_revoke_submit job = { .length = 1 };
	int att = attach(buffer->fd, kind, 0);
	uint32_t pins = status(att).pinned;

	fails(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL), ENOMEM);
	fails(dr_submit(att, &job), ENOMEM);
	fails(dr_unmap(att), ENXIO);
	equal(query(buffer->id).pending.pins, pins);
	equal(query(buffer->id).pending.maps, 0);
	equal(query(buffer->id).pending.fences, 0);
	close(att);
}

CASE(devices, I9_failed_map_leaves_nothing)
{
	struct buffer buffer = buffer_that_fails(DMABUF_REVOKE_FAULT_FAIL_MAP);

	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA; kind++) {
		if (maps_when_attaching(kind))
			fails(dr_attach(importer, buffer.fd, kind, 0), ENOMEM);
		else
			failed_map_leaves_nothing(&buffer, kind);
		equal(query(buffer.id).pending.pins, 0);
		equal(query(buffer.id).attachments, 0);
	}
	close(buffer.fd);
}

/* Each time: the pinned kind is dead after the first. */
CASE(devices, I16_what_is_invalidated_while_it_is_mapped_is_given_back)
{
	struct buffer buffer =
		buffer_alloc_faulty(PAGE, 0, DMABUF_REVOKE_FAULT_TELL_IN_MAP);
	int dynamic = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int pinned = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	struct dmabuf_revoke_submit job = { .length = 1 };

	fails(dr_map(dynamic, DMABUF_REVOKE_BIDIRECTIONAL), EAGAIN);
	fails(dr_submit(dynamic, &job), EAGAIN);
	equal(status(dynamic).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
	fails(dr_map(pinned, DMABUF_REVOKE_BIDIRECTIONAL), ENODEV);
	equal(status(pinned).state, DMABUF_REVOKE_ATTACHMENT_DEAD);
	nothing_is_in_use(buffer.id);
	close(pinned);
	close(dynamic);
	close(buffer.fd);
}

/* As an exporter does that moves the buffer to where the device reaches it. */
CASE(devices, I16_who_is_invalidated_while_it_maps_maps_once_more)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	succeeds(dr_faults(exporter, buffer.id, DMABUF_REVOKE_FAULT_TELL_IN_MAP, 1,
			   0));
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	equal(status(att).invalidations, 1);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	equal(query(buffer.id).pending.maps, 1);
	device_crc(att, 0, PAGE);
	revoke_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	close(att);
	close(buffer.fd);
}

/* Nothing was mapped yet. Where a map pins, the exporter invalidates in that one, too. */
CASE(devices, I16_who_is_invalidated_while_it_pins_maps_what_there_is)
{
	struct buffer buffer =
		buffer_alloc_faulty(PAGE, 0, DMABUF_REVOKE_FAULT_TELL_IN_PIN);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);

	equal(status(att).invalidations, 1);
	equal(status(att).pinned, 1);
	if (kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED)) {
		device_crc(att, 0, PAGE);
		equal(status(att).maps, 1);
	} else {
		fails(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL), ENODEV);
	}
	revoke_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	close(att);
	close(buffer.fd);
}

/* A call by a thread of its own, so that somebody is left to complain of its length. */
struct attempt {
	int (*call)(int att);
	int att;
	int result;
	atomic_bool over;
};

static void *make_attempt(void *arg)
{
	struct attempt *attempt = arg;

	attempt->result = attempt->call(attempt->att);
	atomic_store(&attempt->over, true);
	return NULL;
}

static bool is_over(uint64_t attempt)
{
	return atomic_load(&((struct attempt *)(uintptr_t)attempt)->over);
}

static int call_map(int att)
{
	return dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
}

static int call_submit(int att)
{
	return dr_submit(att, &(struct dmabuf_revoke_submit){ .length = 1 });
}

/* What the exporter says, soon; then closing all descriptors is the end of the dma-buf. */
static void failure_is_passed_on(const char *name, int (*call)(int att))
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	struct attempt attempt = {
		.call = call,
		.att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0),
	};
	pthread_t thread;

	succeeds(dr_revoke(owner, buffer.id, dr_deadline(SOON), NULL));
	equal(pthread_create(&thread, NULL, make_attempt, &attempt), 0);
	holds(eventually(is_over, (uintptr_t)&attempt), "%s does not return", name);
	equal(pthread_join(thread, NULL), 0);
	equal(attempt.result, -ENODEV);
	nothing_is_in_use(buffer.id);
	close(attempt.att);
	close(owner);
	close(buffer.fd);
	holds(eventually(is_gone, buffer.id));
}

CASE(devices, I17_failed_map_is_passed_on)
{
	failure_is_passed_on("MAP", call_map);
}

CASE(devices, I17_failed_map_of_a_job_is_passed_on)
{
	failure_is_passed_on("SUBMIT", call_submit);
}

/* Whether they are under way, queued, or nobody synchronises with them. */
CASE(devices, I18_no_fence_is_left_when_the_file_is_closed)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);

	for (uint32_t kind = 0; kind <= DMABUF_REVOKE_KIND_LEGACY_RDMA; kind++) {
		int att = attach(buffer.fd, kind, 0);

		submit_running(att, buffer.fd, 0, ENDLESS, NULL);
		submit_busy(att, DMABUF_REVOKE_OP_READ, 0, 0);
		submit_busy(att, DMABUF_REVOKE_OP_WRITE,
			    DMABUF_REVOKE_SUBMIT_BOOKKEEP, ENDLESS);
		equal(query(buffer.id).pending.fences, 3);
		close(att);
		equal(query(buffer.id).pending.fences, 0);
	}
	close(buffer.fd);
}
