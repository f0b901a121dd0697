// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter that blocks with the resv lock held until it is told: FAULT_HOLD_IN_MAP and
 * FAULT_HOLD_AFTER_TELL. Meanwhile nobody else may be asked what takes that lock: whoever
 * needs it is a thread, or a child.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "deliberate.h"
#include "life.h"

#define HOLD_IN_MAP DMABUF_REVOKE_FAULT_HOLD_IN_MAP
#define HOLD_AFTER_TELL DMABUF_REVOKE_FAULT_HOLD_AFTER_TELL

/* A call that somebody else makes. */
struct call {
	pthread_t thread;
	int (*run)(uint64_t arg);
	uint64_t arg;
	atomic_uint tid;
	atomic_bool done;
	int result;
};

static void *call_thread(void *arg)
{
	struct call *call = arg;

	atomic_store(&call->tid, gettid());
	call->result = call->run(call->arg);
	atomic_store(&call->done, true);
	return NULL;
}

static void call_begin(struct call *call, int (*run)(uint64_t arg), uint64_t arg)
{
	*call = (struct call){ .run = run, .arg = arg };
	equal(pthread_create(&call->thread, NULL, call_thread, call), 0);
}

static bool call_sleeps(uint64_t arg)
{
	const struct call *call = (const struct call *)(uintptr_t)arg;
	unsigned int tid = atomic_load(&call->tid);

	return tid && is_asleep(tid);
}

/* It waits, and for long. */
static void call_waits(struct call *call)
{
	holds(eventually(call_sleeps, (uintptr_t)call));
	holds(!atomic_load(&call->done), "it did not wait: %s",
	      result_name(call->result));
}

static int call_ends(struct call *call)
{
	equal(pthread_join(call->thread, NULL), 0);
	return call->result;
}

static int maps(uint64_t att)
{
	return dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);
}

static int revokes(uint64_t id)
{
	return dr_revoke(exporter, id, DMABUF_REVOKE_FOREVER, NULL);
}

static int moves(uint64_t id)
{
	return dr_move(exporter, id, DMABUF_REVOKE_FOREVER);
}

static int asks(uint64_t id)
{
	struct dmabuf_revoke_query out;

	return dr_query(exporter, id, &out);
}

static int awaits(uint64_t id)
{
	return dr_faults_await(exporter, id, DMABUF_REVOKE_FOREVER);
}

static void faults(uint64_t id, uint64_t which)
{
	succeeds(dr_faults(exporter, id, which, 0, 0));
}

static void somebody_is_held(uint64_t id)
{
	succeeds(dr_faults_await(exporter, id, dr_deadline(SOON)));
}

static void nobody_is_held(uint64_t id)
{
	fails(dr_faults_await(exporter, id, 0), ETIMEDOUT);
}

/* --- a good exporter ------------------------------------------------------ */

static struct buffer good;
static int good_att;

static int maps_and_revokes(uint64_t arg)
{
	int ret = dr_map(good_att, DMABUF_REVOKE_BIDIRECTIONAL);

	(void)arg;
	return ret ?: dr_revoke(exporter, good.id, DMABUF_REVOKE_FOREVER, NULL);
}

CASE(held, E7_nobody_blocks_with_the_lock_held)
{
	struct call call;

	good = buffer_alloc(PAGE, 0);
	good_att = attach(good.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	call_begin(&call, maps_and_revokes, 0);
	do {
		fails(dr_faults_await(exporter, good.id, dr_deadline(MSEC)), ETIMEDOUT);
	} while (!atomic_load(&call.done));
	succeeds(call_ends(&call));
	close(good_att);
	close(good.fd);
}

/* --- until it is told ------------------------------------------------------ */

CASE(held, E7_map_blocks_until_it_is_told)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct call map, ask;

	nobody_is_held(buffer.id);
	faults(buffer.id, HOLD_IN_MAP);
	nobody_is_held(buffer.id);
	call_begin(&map, maps, att);
	somebody_is_held(buffer.id);
	call_begin(&ask, asks, buffer.id);
	call_waits(&ask);
	call_waits(&map);
	/* Once told that is so, one is told again. */
	somebody_is_held(buffer.id);

	faults(buffer.id, 0);
	succeeds(call_ends(&map));
	succeeds(call_ends(&ask));
	nobody_is_held(buffer.id);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	revoke_fully(buffer.id);
	close(att);
	close(buffer.fd);
}

/* The same call releases one and holds the next. */
CASE(held, E7_map_blocks_one_after_the_other)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct call map[4];
	int att[4];

	faults(buffer.id, 0);
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		att[i] = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	faults(buffer.id, HOLD_IN_MAP);
	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		call_begin(&map[i], maps, att[i]);
		somebody_is_held(buffer.id);
		if (i + 1 < ARRAY_SIZE(map))
			faults(buffer.id, HOLD_IN_MAP);
		else
			faults(buffer.id, 0);
		succeeds(call_ends(&map[i]));
		nobody_is_held(buffer.id);
	}
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		close(att[i]);
	close(buffer.fd);
}

/* Nobody else is to be held. */
CASE(held, E7_held_stays_so_when_the_count_is_used_up)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int first = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int second = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct call held, next;

	succeeds(dr_faults(exporter, buffer.id, HOLD_IN_MAP, 1, 0));
	call_begin(&held, maps, first);
	somebody_is_held(buffer.id);
	call_begin(&next, maps, second);
	call_waits(&next);
	call_waits(&held);
	somebody_is_held(buffer.id);
	faults(buffer.id, 0);
	succeeds(call_ends(&held));
	succeeds(call_ends(&next));
	close(first);
	close(second);
	close(buffer.fd);
}

/* The worker that would unmap cannot, until the lock is free. */
CASE(held, E7_revoke_blocks_when_all_are_told)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
				DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	struct call revoke;

	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	faults(buffer.id, HOLD_AFTER_TELL);
	call_begin(&revoke, revokes, buffer.id);
	somebody_is_held(buffer.id);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	call_waits(&revoke);
	holds(!is_readable(att, 0));
	faults(buffer.id, 0);
	expect_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);
	succeeds(call_ends(&revoke));
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_REVOKED);
	close(att);
	close(buffer.fd);
}

CASE(held, E7_E14_move_blocks_when_all_are_told)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct call move;

	faults(buffer.id, HOLD_AFTER_TELL);
	call_begin(&move, moves, buffer.id);
	somebody_is_held(buffer.id);
	call_waits(&move);
	faults(buffer.id, 0);
	succeeds(call_ends(&move));
	equal(query(buffer.id).moves, 1);
	close(buffer.fd);
}

/* --- until a fatal signal --------------------------------------------------- */

struct victim {
	struct buffer buffer;
	uint64_t fault;
};

static int is_held(struct child *self, void *arg)
{
	const struct victim *victim = arg;
	int att = attach(victim->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	(void)self;
	if (victim->fault == HOLD_IN_MAP)
		maps(att);
	else
		revokes(victim->buffer.id);
	return 1;
}

static struct buffer killed_while_held(uint64_t fault)
{
	struct victim victim = { buffer_alloc(PAGE, 0), fault };
	struct child child;
	int end;

	faults(victim.buffer.id, fault);
	child = child_start(is_held, &victim);
	somebody_is_held(victim.buffer.id);
	succeeds(sys(kill(child.pid, SIGKILL)));
	end = child_reap(&child);
	holds(WIFSIGNALED(end) && WTERMSIG(end) == SIGKILL);
	nobody_is_held(victim.buffer.id);
	faults(victim.buffer.id, 0);
	return victim.buffer;
}

static bool nobody_is_attached(uint64_t id)
{
	return !query(id).attachments;
}

CASE(held, E8_fatal_signal_ends_it_in_map)
{
	struct buffer buffer = killed_while_held(HOLD_IN_MAP);

	holds(eventually(nobody_is_attached, buffer.id));
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_LIVE);
	nothing_is_in_use(buffer.id);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

CASE(held, E8_fatal_signal_ends_it_in_a_revoke_which_goes_on)
{
	struct buffer buffer = killed_while_held(HOLD_AFTER_TELL);

	holds(eventually(is_revoked, buffer.id));
	close(buffer.fd);
}

/* --- until the owner's end --------------------------------------------------- */

CASE(held, E13_end_of_the_owner_ends_it)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct call map;

	faults(buffer.id, HOLD_IN_MAP);
	call_begin(&map, maps, att);
	somebody_is_held(buffer.id);
	close(owner);
	succeeds(call_ends(&map));
	holds(eventually(is_gone, buffer.id));
	close(att);
	close(buffer.fd);
}

CASE(held, E13_end_of_the_owner_ends_the_wait_for_it)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	struct call await;

	call_begin(&await, awaits, buffer.id);
	call_waits(&await);
	close(owner);
	equal(call_ends(&await), -ENODEV);
	close(buffer.fd);
}

/* Nobody would release who is held. */
CASE(held, E13_there_are_none_after_the_owners_end)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, ACCEPT_LEGACY, &owner);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	succeeds(dr_faults(owner, buffer.id, HOLD_AFTER_TELL, 0, 0));
	close(owner);
	holds(eventually(is_orphaned, buffer.id));
	equal(query(buffer.id).faults, 0);
	fails(dr_faults(exporter, buffer.id, HOLD_IN_MAP, 0, 0), ENODEV);
	fails(dr_faults(exporter, buffer.id, 0, 0, 0), ENODEV);
	fails(dr_faults_await(exporter, buffer.id, DMABUF_REVOKE_FOREVER), ENODEV);
	close(lazy);
	holds(eventually(is_gone, buffer.id));
	close(buffer.fd);
}

CASE(held, E13_there_are_none_after_FREE)
{
	struct buffer buffer = buffer_alloc(PAGE, ACCEPT_LEGACY);
	int lazy = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
	fails(dr_faults(exporter, buffer.id, HOLD_IN_MAP, 0, 0), ENODEV);
	close(lazy);
	holds(eventually(is_gone, buffer.id));
	close(buffer.fd);
}

/* --- until a minute has passed ------------------------------------------------ */

static uint64_t since(uint64_t begin)
{
	return dr_now() - begin;
}

/* Nobody tells. Who waited for the lock is not held in turn, though there was no count. */
CASE(held, E7_it_ends_by_itself_after_a_minute, .timeout = 110)
{
	struct buffer mapped = buffer_alloc(PAGE, 0);
	struct buffer told = buffer_alloc(PAGE, 0);
	int first = attach(mapped.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int second = attach(mapped.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct call map, next, revoke;
	uint64_t begin;

	faults(mapped.id, HOLD_IN_MAP);
	faults(told.id, HOLD_AFTER_TELL);
	begin = dr_now();
	call_begin(&map, maps, first);
	call_begin(&revoke, revokes, told.id);
	somebody_is_held(mapped.id);
	somebody_is_held(told.id);
	call_begin(&next, maps, second);
	call_waits(&next);

	succeeds(call_ends(&map));
	holds(since(begin) > 59 * SEC);
	succeeds(call_ends(&next));
	succeeds(call_ends(&revoke));
	holds(since(begin) < 60 * SEC + SOON);
	equal(query(mapped.id).faults, 0);
	equal(query(told.id).faults, 0);
	equal(state_of(told.id), DMABUF_REVOKE_STATE_REVOKED);
	close(first);
	close(second);
	close(mapped.fd);
	close(told.fd);
}

/* --- AWAIT -------------------------------------------------------------------- */

static int awaits_until(uint64_t id, uint64_t deadline_ns)
{
	return dr_faults_await(exporter, id, deadline_ns);
}

CASE(held, E8_signals_do_not_lengthen_the_wait)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	restarts_do_not_lengthen(awaits_until, buffer.id, 3);
	close(buffer.fd);
}

CASE(held, what_has_to_be_0_is_EINVAL)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct dmabuf_revoke_faults bad[] = {
		{ .flags = DMABUF_REVOKE_FAULTS_AWAIT, .faults = HOLD_IN_MAP },
		{ .flags = DMABUF_REVOKE_FAULTS_AWAIT, .count = 1 },
		{ .flags = DMABUF_REVOKE_FAULTS_AWAIT, .error = 1 },
		{ .deadline_ns = 1 },
		{ .deadline_ns = DMABUF_REVOKE_FOREVER, .faults = HOLD_IN_MAP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bad[i].size = sizeof(bad[i]);
		bad[i].id = buffer.id;
		fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_FAULTS, &bad[i])),
		      EINVAL);
	}
	equal(query(buffer.id).faults, 0);
	close(buffer.fd);
}
