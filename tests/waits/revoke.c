// SPDX-License-Identifier: GPL-2.0-only
/* REVOKE: its results, its waits, and what ends those. */
#include <pthread.h>
#include <signal.h>

#include "common.h"

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(PAGE, ACCEPT_LEGACY);
}

CASE(revoke, idle_buffer_is_revoked_at_once)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct dmabuf_revoke_revoke out;
	uint64_t before = dr_now();

	succeeds(dr_revoke(exporter, buffer.id, 0, &out));
	equal(out.state, DMABUF_REVOKE_STATE_REVOKED);
	equal(out.already, 0);
	equal(out.pending.fences + out.pending.maps + out.pending.pins, 0);
	holds(out.phases.began_ns >= before);
	holds(out.phases.began_ns <= dr_now());
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_REVOKED);
	close(buffer.fd);
}

CASE(revoke, E8_second_one_says_already)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct dmabuf_revoke_revoke first = revoke_fully(buffer.id);
	struct dmabuf_revoke_revoke second = revoke_fully(buffer.id);

	equal(first.already, 0);
	equal(second.already, 1);
	holds(!memcmp(&first.phases, &second.phases, sizeof(first.phases)));
	close(buffer.fd);
}

CASE(revoke, E8_timed_out_one_says_what_is_pending)
{
	struct buffer buffer = buffer_for_all();
	int dynamic = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int rdma = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	struct dmabuf_revoke_revoke out;

	submit_busy(rdma, DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	out = revoke_times_out(buffer.id, 20 * MSEC);
	equal(out.already, 0);
	equal(out.pending.fences, 1);
	equal(out.pending.maps, 2);
	equal(out.pending.legacy_maps, 2);
	equal(status(dynamic).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
	close(rdma);
	out = revoke_times_out(buffer.id, 20 * MSEC);
	equal(out.pending.fences, 0);
	equal(out.pending.maps, 1);
	equal(out.pending.legacy_maps, 1);
	close(lazy);
	equal(revoke_fully(buffer.id).pending.pins, 0);
	close(dynamic);
	close(buffer.fd);
}

CASE(revoke, deadline_is_kept)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	uint64_t deadline = dr_deadline(50 * MSEC);

	fails(dr_revoke(exporter, buffer.id, deadline, NULL), ETIMEDOUT);
	holds(dr_now() >= deadline);
	holds(dr_now() < deadline + SOON);
	fails(dr_revoke(exporter, buffer.id, deadline, NULL), ETIMEDOUT);
	fails(dr_revoke(exporter, buffer.id, 1, NULL), ETIMEDOUT);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

struct waiter {
	pthread_t thread;
	uint64_t id;
	uint64_t deadline_ns;
	struct dmabuf_revoke_revoke out;
	int result;
};

static void *wait_for_revoke(void *arg)
{
	struct waiter *waiter = arg;

	waiter->result = dr_revoke(exporter, waiter->id, waiter->deadline_ns,
				   &waiter->out);
	return NULL;
}

static void waiter_start(struct waiter *waiter, uint64_t id)
{
	waiter->id = id;
	waiter->deadline_ns = DMABUF_REVOKE_FOREVER;
	pthread_create(&waiter->thread, NULL, wait_for_revoke, waiter);
}

static bool is_revoking(uint64_t id)
{
	return query(id).state == DMABUF_REVOKE_STATE_REVOKING;
}

CASE(revoke, waits_for_ever_until_the_last_unmap)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	struct waiter waiter;

	waiter_start(&waiter, buffer.id);
	holds(eventually(is_revoking, buffer.id));
	succeeds(dr_unmap(att));
	pthread_join(waiter.thread, NULL);
	equal(waiter.result, 0);
	equal(waiter.out.state, DMABUF_REVOKE_STATE_REVOKED);
	equal(waiter.out.already, 0);
	close(att);
	close(buffer.fd);
}

CASE(revoke, waits_for_ever_until_the_last_detach)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	struct waiter waiter;

	waiter_start(&waiter, buffer.id);
	holds(eventually(is_revoking, buffer.id));
	close(att);
	pthread_join(waiter.thread, NULL);
	equal(waiter.result, 0);
	close(buffer.fd);
}

CASE(revoke, several_callers_all_see_the_end)
{
	struct buffer buffer = buffer_for_all();
	int importer = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	struct waiter waiters[4];

	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		waiter_start(&waiters[i], buffer.id);
	holds(eventually(is_revoking, buffer.id));
	close(att);
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		pthread_join(waiters[i].thread, NULL);
		equal(waiters[i].result, 0);
		equal(waiters[i].out.state, DMABUF_REVOKE_STATE_REVOKED);
	}
	equal(status(importer).invalidations, 1);
	close(importer);
	close(buffer.fd);
}

/* A mapping that goes at whatever moment the other thread has come to. */
struct race {
	pthread_barrier_t start;
	int att;
};

#define RACES 1500

static void *unmap_each(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&race->start);
		succeeds(dr_unmap(race->att));
		pthread_barrier_wait(&race->start);
	}
	return NULL;
}

CASE(revoke, E8_result_and_state_agree)
{
	struct buffer buffer = buffer_for_all();
	struct race race;
	pthread_t thread;
	int ret;

	race.att = attach(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	pthread_barrier_init(&race.start, NULL, 2);
	equal(pthread_create(&thread, NULL, unmap_each, &race), 0);
	for (int i = 0; i < RACES; i++) {
		struct dmabuf_revoke_revoke out;

		succeeds(dr_map(race.att, 0));
		pthread_barrier_wait(&race.start);
		do {
			ret = dr_suspend(exporter, buffer.id, 0, &out);
			equal(out.state, ret ? DMABUF_REVOKE_STATE_SUSPENDING :
					       DMABUF_REVOKE_STATE_SUSPENDED);
		} while (ret == -ETIMEDOUT);
		equal(ret, 0);
		pthread_barrier_wait(&race.start);
		succeeds(dr_restore(exporter, buffer.id, 0));
	}
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&race.start);
	close(race.att);
	close(buffer.fd);
}

CASE(revoke, phases_follow_each_other)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	uint64_t job = submit_running(att, buffer.fd,
				      DMABUF_REVOKE_SUBMIT_STREAM, 50 * MSEC,
				      NULL);
	struct dmabuf_revoke_revoke out = revoke_fully(buffer.id);
	const struct dmabuf_revoke_phases *phases = &out.phases;
	struct dmabuf_revoke_wait done = collect_ok(att, job);
	uint64_t invalidated, fenced, unmapped;

	invalidated = phases->began_ns + phases->tell_ns + phases->zap_ns;
	fenced = invalidated + phases->fences_ns;
	unmapped = fenced + phases->unmaps_ns;
	holds(phases->tell_ns);
	holds(status(att).invalidated_ns >= phases->began_ns);
	holds(status(att).invalidated_ns <= invalidated);
	holds(fenced >= done.ended_ns);
	holds(unmapped >= fenced);
	/* Unless it had unmapped before the exporter came to look at the fence. */
	holds(unmapped <= status(att).unmapped_ns ||
	      fenced > status(att).unmapped_ns);
	close(att);
	close(buffer.fd);
}

CASE(revoke, phase_that_goes_on_counts_up)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	struct dmabuf_revoke_phases first, later;

	first = revoke_times_out(buffer.id, 0).phases;
	revoke_times_out(buffer.id, 20 * MSEC);
	later = query(buffer.id).phases;
	equal(later.began_ns, first.began_ns);
	equal(later.tell_ns, first.tell_ns);
	holds(later.unmaps_ns >= first.unmaps_ns + 20 * MSEC);
	close(att);
	first = revoke_fully(buffer.id).phases;
	later = query(buffer.id).phases;
	equal(later.unmaps_ns, first.unmaps_ns);
	close(buffer.fd);
}

CASE(revoke, E8_signal_ends_the_wait_for_an_unmap)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	signals_begin(0);
	fails(dr_revoke(exporter, buffer.id, DMABUF_REVOKE_FOREVER, NULL),
	      EINTR);
	signals_end();
	equal(revoke_times_out(buffer.id, 0).pending.maps, 1);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

CASE(revoke, E8_signal_ends_the_wait_for_a_fence)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);

	succeeds(import_fence(buffer.fd, fence));
	signals_begin(0);
	fails(dr_revoke(exporter, buffer.id, DMABUF_REVOKE_FOREVER, NULL),
	      EINTR);
	signals_end();
	equal(revoke_times_out(buffer.id, 0).pending.fences, 1);
	close(other);
	revoke_fully(buffer.id);
	close(fence);
	close(buffer.fd);
}

static int revoke_until(uint64_t id, uint64_t deadline_ns)
{
	return dr_revoke(exporter, id, deadline_ns, NULL);
}

CASE(revoke, E8_restart_does_not_lengthen_the_wait_for_an_unmap)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	restarts_do_not_lengthen(revoke_until, buffer.id, 3);
	close(att);
	close(buffer.fd);
}

CASE(revoke, E8_restart_does_not_lengthen_the_wait_for_a_fence)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);

	succeeds(import_fence(buffer.fd, fence));
	restarts_do_not_lengthen(revoke_until, buffer.id, 3);
	close(other);
	close(fence);
	close(buffer.fd);
}

CASE(revoke, restarted_one_sees_the_end)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(100 * MSEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	signals_begin(SA_RESTART);
	succeeds(dr_revoke(exporter, buffer.id, DMABUF_REVOKE_FOREVER, NULL));
	signals_end();
	close(other);
	close(fence);
	close(buffer.fd);
}

CASE(revoke, fence_added_to_a_revoked_buffer_changes_nothing)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);

	revoke_fully(buffer.id);
	/* The core lets user space do so; the exporter has no say. */
	succeeds(import_fence(buffer.fd, fence));
	equal(revoke_fully(buffer.id).already, 1);
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_REVOKED);
	close(other);
	close(fence);
	close(buffer.fd);
}
