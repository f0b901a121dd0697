// SPDX-License-Identifier: GPL-2.0-only
/* E15: suspend and restore, in any order with everything else. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "life.h"

#define DEFER DMABUF_REVOKE_ATTACH_DEFER_UNMAP

static const struct {
	uint32_t kind;
	uint32_t flags;
} ways[] = {
	{ DMABUF_REVOKE_KIND_DYNAMIC, 0 },
	{ DMABUF_REVOKE_KIND_DYNAMIC, DEFER },
	{ DMABUF_REVOKE_KIND_PINNED, 0 },
	{ DMABUF_REVOKE_KIND_PINNED, DEFER },
	{ DMABUF_REVOKE_KIND_LEGACY_STATIC, 0 },
	{ DMABUF_REVOKE_KIND_LEGACY_RDMA, 0 },
};

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
}

CASE(suspend, E15_idle_buffer_and_back)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct dmabuf_revoke_revoke out = suspend_fully(buffer.id);

	equal(out.already, 0);
	equal(out.phases.give_back_ns, 0);
	equal(suspend_fully(buffer.id).already, 1);
	equal(bytes_in_system(), PAGE);
	restore_fully(buffer.id);
	restore_fully(buffer.id);
	close(buffer.fd);
}

CASE(suspend, E15_nobody_gets_in_until_restore)
{
	struct buffer buffer = buffer_for_all();
	int dynamic = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_submit job = { .length = 1 };
	int late;

	suspend_fully(buffer.id);
	fails(dr_map(dynamic, 0), ENODEV);
	fails(dr_submit(dynamic, &job), ENODEV);
	fails(dr_attach(importer, buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0),
	      ENODEV);
	fails(dr_attach(importer, buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0),
	      ENODEV);
	/* Attaching alone does no harm. */
	late = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	fails(dr_map(late, 0), ENODEV);
	nothing_is_in_use(buffer.id);
	restore_fully(buffer.id);
	succeeds(dr_map(dynamic, 0));
	succeeds(dr_map(late, 0));
	close(late);
	close(dynamic);
	close(buffer.fd);
}

CASE(suspend, E15_I6_dynamic_importer_maps_again_and_sees_the_contents)
{
	const uint64_t length = 64 * KIB;
	struct buffer buffer = buffer_alloc(length, 0);
	uint8_t *memory = cpu_map(buffer.fd, length);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint32_t crc;

	fill_noise(memory, length, 5);
	crc = device_crc(att, 0, length);
	for (int i = 1; i <= 3; i++) {
		suspend_fully(buffer.id);
		equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
		equal(status(att).invalidations, i);
		restore_fully(buffer.id);
		equal(device_crc(att, 0, length), crc);
	}
	cpu_unmap(memory, length);
	close(att);
	close(buffer.fd);
}

CASE(suspend, E15_I5_pinned_importer_stays_dead_after_restore)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	struct dmabuf_revoke_submit job = { .length = 1 };

	suspend_fully(buffer.id);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_DEAD);
	equal(status(att).pinned, 0);
	nothing_is_in_use(buffer.id);
	restore_fully(buffer.id);
	fails(dr_map(att, 0), ENODEV);
	fails(dr_submit(att, &job), ENODEV);
	/* A new one does not inherit that. */
	close(attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0));
	close(att);
	close(buffer.fd);
}

CASE(suspend, E15_legacy_mapping_holds_it_up)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);

	equal(suspend_times_out(buffer.id, 0).pending.legacy_maps, 1);
	fails(dr_restore(exporter, buffer.id, 0), ETIMEDOUT);
	fails(dr_restore(exporter, buffer.id, dr_deadline(20 * MSEC)), ETIMEDOUT);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_SUSPENDING);
	succeeds(dr_unmap(att));
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_SUSPENDED);
	equal(suspend_fully(buffer.id).already, 1);
	restore_fully(buffer.id);
	succeeds(dr_map(att, 0));
	close(att);
	close(buffer.fd);
}

/* One step of the life that all share, with something in use in each way. */
static void with_all_ways(void (*steps)(struct buffer *buffer))
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct buffer buffer = buffer_for_all();
		int att = attach(buffer.fd, ways[i].kind, ways[i].flags);

		submit_running(att, buffer.fd, 0, 30 * MSEC, NULL);
		/* Of their own accord these unmap never. */
		if (ways[i].kind >= DMABUF_REVOKE_KIND_LEGACY_STATIC) {
			collect_ok(att, 1);
			succeeds(dr_unmap(att));
		}
		if (maps_when_attaching(ways[i].kind)) {
			close(att);
			att = attach(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
		}
		steps(&buffer);
		close(att);
		nothing_is_in_use(buffer.id);
		close(buffer.fd);
	}
}

static void suspend_restore_twice_then_revoke(struct buffer *buffer)
{
	for (int i = 0; i < 2; i++) {
		suspend_fully(buffer->id);
		restore_fully(buffer->id);
	}
	revoke_fully(buffer->id);
}

CASE(suspend, E15_suspend_and_restore_twice_then_revoke)
{
	with_all_ways(suspend_restore_twice_then_revoke);
}

static void suspend_revoke(struct buffer *buffer)
{
	struct dmabuf_revoke_revoke out;

	suspend_fully(buffer->id);
	equal(revoke_fully(buffer->id).already, 0);
	fails(dr_restore(exporter, buffer->id, 0), ENODEV);
	fails(dr_suspend(exporter, buffer->id, 0, &out), ENODEV);
	equal(revoke_fully(buffer->id).already, 1);
}

CASE(suspend, E15_suspended_buffer_can_be_revoked)
{
	with_all_ways(suspend_revoke);
}

static void suspend_revoke_at_once(struct buffer *buffer)
{
	int ret = dr_suspend(exporter, buffer->id, 0, NULL);

	holds(!ret || ret == -ETIMEDOUT, "%s", result_name(ret));
	revoke_fully(buffer->id);
}

CASE(suspend, E15_buffer_that_is_being_suspended_can_be_revoked)
{
	with_all_ways(suspend_revoke_at_once);
}

static void suspend_restore_again(struct buffer *buffer)
{
	int ret = dr_suspend(exporter, buffer->id, 0, NULL);

	holds(!ret || ret == -ETIMEDOUT, "%s", result_name(ret));
	/* Waits for the suspension to be complete, first. */
	restore_fully(buffer->id);
	suspend_fully(buffer->id);
	restore_fully(buffer->id);
	suspend_fully(buffer->id);
}

CASE(suspend, E15_restore_waits_for_the_suspension)
{
	with_all_ways(suspend_restore_again);
}

CASE(suspend, E15_close_while_suspended)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int owner;
		const uint32_t accept = DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY;
		struct buffer buffer = buffer_alloc_owned(PAGE, accept, &owner);
		int att = attach(buffer.fd, ways[i].kind, ways[i].flags);

		/* The mapping that it has from the start would hold it up. */
		if (maps_when_attaching(ways[i].kind))
			close(att);
		suspend_fully(buffer.id);
		close(owner);
		holds(eventually(is_gone, buffer.id));
		equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKED);
		equal(bytes_in_system(), 0);
		if (!maps_when_attaching(ways[i].kind))
			close(att);
		close(buffer.fd);
	}
}

CASE(suspend, E15_revoke_takes_over_from_a_suspension_with_a_blocker)
{
	struct buffer buffer = buffer_for_all();
	int importer = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	suspend_times_out(buffer.id, 0);
	revoke_times_out(buffer.id, 0);
	/* Two calls, two reasons: invalidated for each. */
	equal(status(importer).invalidations, 2);
	fails(dr_suspend(exporter, buffer.id, 0, NULL), ENODEV);
	fails(dr_restore(exporter, buffer.id, 0), ENODEV);
	close(att);
	revoke_fully(buffer.id);
	equal(bytes_in_system(), 0);
	close(importer);
	close(buffer.fd);
}

CASE(suspend, E15_suspend_of_a_revoked_buffer_is_ENODEV)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	revoke_fully(buffer.id);
	fails(dr_suspend(exporter, buffer.id, DMABUF_REVOKE_FOREVER, NULL),
	      ENODEV);
	fails(dr_restore(exporter, buffer.id, DMABUF_REVOKE_FOREVER), ENODEV);
	fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), ENODEV);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_REVOKED);
	close(buffer.fd);
}

CASE(suspend, E15_E5_suspend_waits_for_fences)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(600 * SEC, &other);

	succeeds(import_fence(buffer.fd, fence));
	equal(suspend_times_out(buffer.id, 20 * MSEC).pending.fences, 1);
	close(other);
	suspend_fully(buffer.id);
	restore_fully(buffer.id);
	close(fence);
	close(buffer.fd);
}

CASE(suspend, E15_restore_waits_for_fences_left_behind)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(600 * SEC, &other);

	suspend_fully(buffer.id);
	succeeds(import_fence(buffer.fd, fence));
	fails(dr_restore(exporter, buffer.id, 0), ETIMEDOUT);
	fails(dr_restore(exporter, buffer.id, dr_deadline(20 * MSEC)), ETIMEDOUT);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_SUSPENDED);
	close(other);
	restore_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	close(fence);
	close(buffer.fd);
}

CASE(suspend, E15_revoke_waits_for_fences_that_a_restore_was_waiting_for)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(600 * SEC, &other);

	suspend_fully(buffer.id);
	succeeds(import_fence(buffer.fd, fence));
	fails(dr_restore(exporter, buffer.id, 0), ETIMEDOUT);
	equal(revoke_times_out(buffer.id, 20 * MSEC).pending.fences, 1);
	equal(bytes_in_system(), PAGE + FOREIGN);
	close(other);
	revoke_fully(buffer.id);
	close(fence);
	close(buffer.fd);
}

/* A thread in a call that waits for ever. */
struct waiter {
	pthread_t thread;
	int (*call)(int exporter, uint64_t id);
	uint64_t id;
	atomic_int tid;
	int result;
};

static int restore_for_ever(int file, uint64_t id)
{
	return dr_restore(file, id, DMABUF_REVOKE_FOREVER);
}

static int suspend_for_ever(int file, uint64_t id)
{
	return dr_suspend(file, id, DMABUF_REVOKE_FOREVER, NULL);
}

static void *waiter_main(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = gettid();
	waiter->result = waiter->call(exporter, waiter->id);
	return NULL;
}

/* Comes back when the thread sleeps in the call. */
static void waiter_start(struct waiter *waiter,
			 int (*call)(int exporter, uint64_t id), uint64_t id)
{
	*waiter = (struct waiter){ .call = call, .id = id };
	pthread_create(&waiter->thread, NULL, waiter_main, waiter);
	while (!waiter->tid)
		sched_yield();
	holds(eventually(is_asleep, waiter->tid));
}

/* The revoke itself cannot end, since a mapping is left: it has to wake them. */
static void is_ended_by_a_revoke(int (*call)(int exporter, uint64_t id))
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
	struct waiter waiter;

	suspend_times_out(buffer.id, 0);
	waiter_start(&waiter, call, buffer.id);
	revoke_times_out(buffer.id, 0);
	pthread_join(waiter.thread, NULL);
	equal(waiter.result, -ENODEV);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

CASE(suspend, E15_revoke_ends_the_wait_of_a_restore)
{
	is_ended_by_a_revoke(restore_for_ever);
}

/* Neither does it have to wait for the fence that the restore was waiting for. */
static void restore_of_a_fence_is_ended(bool complete)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int other, fence = foreign_fence(ENDLESS, &other);
	struct waiter waiter;

	if (complete)
		suspend_fully(buffer.id);
	succeeds(import_fence(buffer.fd, fence));
	if (!complete)
		suspend_times_out(buffer.id, 0);
	waiter_start(&waiter, restore_for_ever, buffer.id);
	revoke_times_out(buffer.id, 0);
	pthread_join(waiter.thread, NULL);
	equal(waiter.result, -ENODEV);
	close(other);
	revoke_fully(buffer.id);
	close(fence);
	close(buffer.fd);
}

CASE(suspend, E15_revoke_ends_the_wait_of_a_restore_for_a_fence)
{
	restore_of_a_fence_is_ended(false);
	restore_of_a_fence_is_ended(true);
}

CASE(suspend, E15_revoke_ends_the_wait_of_a_suspend)
{
	is_ended_by_a_revoke(suspend_for_ever);
}

CASE(suspend, E15_unmap_ends_the_wait_of_a_restore)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_RDMA, 0);
	struct waiter waiter;

	suspend_times_out(buffer.id, 0);
	waiter_start(&waiter, restore_for_ever, buffer.id);
	close(att);
	pthread_join(waiter.thread, NULL);
	equal(waiter.result, 0);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_LIVE);
	close(buffer.fd);
}

static void on_alarm(int sig)
{
	(void)sig;
}

CASE(suspend, E15_E8_signal_ends_both_waits)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	struct buffer buffer = buffer_for_all();
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	sigaction(SIGALRM, &action, NULL);
	ualarm(10000, 10000);
	fails(dr_suspend(exporter, buffer.id, DMABUF_REVOKE_FOREVER, NULL),
	      EINTR);
	fails(dr_restore(exporter, buffer.id, DMABUF_REVOKE_FOREVER), EINTR);
	ualarm(0, 0);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_SUSPENDING);
	close(att);
	restore_fully(buffer.id);
	close(buffer.fd);
}

CASE(suspend, E15_quarantined_buffer_keeps_its_contents)
{
	struct mapped m = mapped_new(DMABUF_REVOKE_ALLOC_QUARANTINE);

	suspend_fully(m.buffer.id);
	restore_fully(m.buffer.id);
	for (uint64_t i = 0; i < MAPPED_LENGTH; i++)
		equal(m.memory[i], MAPPED_MARK);
	mapped_free(&m);
}
