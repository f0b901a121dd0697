// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who needs the resv lock of a buffer, while somebody keeps it: a signal ends the wait of
 * a call, and nothing has been done; a fault waits, and waits again.
 */
#include <linux/dma-buf.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "keeper.h"
#include "life.h"
#include "lock/holder.h"

/* Somebody keeps the lock of the buffer, which another attachment has mapped. */
struct kept {
	struct buffer buffer;
	int att;
	struct keeper keeper;
};

/* The call; what it did, if it got the lock, is undone. */
typedef int (*kept_call)(struct kept *kept);

static void kept_begin(struct kept *kept)
{
	kept->buffer = buffer_that_maps_slowly(PAGE);
	kept->att = attach_mapped(kept->buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	keeper_begin(&kept->keeper, kept->buffer.fd);
}

static void kept_end(struct kept *kept)
{
	keeper_end(&kept->keeper);
	close(kept->att);
	close(kept->buffer.fd);
}

/* Now and then it gets the lock: between two maps, or before the first signal. */
static void is_interrupted(kept_call call)
{
	struct kept kept;
	int ret;

	kept_begin(&kept);
	signals_begin(0);
	do
		ret = call(&kept);
	while (!ret);
	signals_end();
	fails(ret, EINTR);
	kept_end(&kept);
}

static int submit_and_wait(struct kept *kept)
{
	struct dmabuf_revoke_submit job = {
		.op = DMABUF_REVOKE_OP_READ,
		.length = PAGE,
	};
	struct dmabuf_revoke_wait out;
	int ret = dr_submit(kept->att, &job);

	if (ret)
		return ret;
	do
		ret = dr_wait(kept->att, job.job, DMABUF_REVOKE_FOREVER, &out);
	while (ret == -EINTR);
	succeeds(ret);
	return 0;
}

CASE(locks, signal_ends_the_wait_of_submit)
{
	is_interrupted(submit_and_wait);
}

static int unmap_and_map(struct kept *kept)
{
	int ret = dr_unmap(kept->att);

	if (ret)
		return ret;
	do
		ret = dr_map(kept->att, DMABUF_REVOKE_BIDIRECTIONAL);
	while (ret == -EINTR);
	succeeds(ret);
	return 0;
}

CASE(locks, signal_ends_the_wait_of_unmap)
{
	is_interrupted(unmap_and_map);
}

static int list_blockers(struct kept *kept)
{
	struct dmabuf_revoke_blocker blocker;
	uint32_t total;
	int ret = dr_blockers(exporter, kept->buffer.id, &blocker, 1, &total);

	return ret < 0 ? ret : 0;
}

CASE(locks, signal_ends_the_wait_of_blockers)
{
	is_interrupted(list_blockers);
}

/* Where a mapping prevents a move, that is seen with the lock held, too. */
static int move(struct kept *kept)
{
	int ret = dr_move(exporter, kept->buffer.id, DMABUF_REVOKE_FOREVER);

	return ret == -EBUSY ? 0 : ret;
}

/* What it has revoked lets nobody in any more. */
CASE(locks, E2_signal_ends_the_wait_of_free)
{
	struct kept kept;
	void *memory;
	int ret;

	do {
		kept_begin(&kept);
		signals_begin(0);
		ret = dr_free(exporter, kept.buffer.id, NULL, 0, NULL);
		memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, kept.buffer.fd, 0);
		signals_end();
		if (ret) {
			fails(ret, EINTR);
			equal(query(kept.buffer.id).state,
			      DMABUF_REVOKE_STATE_LIVE);
		} else {
			holds(memory == MAP_FAILED, "mapped after FREE");
		}
		if (memory != MAP_FAILED)
			cpu_unmap(memory, PAGE);
		kept_end(&kept);
	} while (!ret);
}

CASE(locks, E8_E14_signal_ends_the_wait_of_move)
{
	is_interrupted(move);
}

/* There has been none. */
static int wait_for_a_move(struct kept *kept)
{
	uint64_t moves = 1;
	int ret = dr_move_number(exporter, kept->buffer.id, DMABUF_REVOKE_FOREVER,
				 &moves);

	return ret == -EINVAL ? 0 : ret;
}

CASE(locks, E8_E14_signal_ends_the_wait_of_one_who_waits_for_a_move)
{
	is_interrupted(wait_for_a_move);
}

static int begin_access(struct kept *kept)
{
	return sync_cpu_access(kept->buffer.fd,
			       DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
}

CASE(locks, E8_E21_signal_ends_the_wait_of_sync)
{
	is_interrupted(begin_access);
}

/* --- calls that are killed ------------------------------------------------ */

static bool is_in_ioctl(uint64_t pid)
{
	return call_of(pid) == SYS_ioctl;
}

struct victim {
	const char *name;
	void (*call)(struct buffer *buffer);
};

static void query_id(struct buffer *buffer)
{
	struct dmabuf_revoke_query out;

	dr_query(exporter, buffer->id, &out);
}

static void query_descriptor(struct buffer *buffer)
{
	struct dmabuf_revoke_query out;

	dr_query_fd(exporter, buffer->fd, &out);
}

static void revoke_now(struct buffer *buffer)
{
	dr_revoke(exporter, buffer->id, 0, NULL);
}

static void suspend_for_ever(struct buffer *buffer)
{
	dr_suspend(exporter, buffer->id, DMABUF_REVOKE_FOREVER, NULL);
}

static void restore_for_ever(struct buffer *buffer)
{
	dr_restore(exporter, buffer->id, DMABUF_REVOKE_FOREVER);
}

static void ask_for_blockers(struct buffer *buffer)
{
	uint32_t count;

	dr_blockers(exporter, buffer->id, NULL, 0, &count);
}

static void move_it(struct buffer *buffer)
{
	dr_move(exporter, buffer->id, DMABUF_REVOKE_FOREVER);
}

static void free_it(struct buffer *buffer)
{
	dr_free(exporter, buffer->id, NULL, 0, NULL);
}

static const struct victim victims[] = {
	{ .name = "QUERY", .call = query_id },
	{ .name = "QUERY by descriptor", .call = query_descriptor },
	{ .name = "REVOKE", .call = revoke_now },
	{ .name = "SUSPEND", .call = suspend_for_ever },
	{ .name = "RESTORE", .call = restore_for_ever },
	{ .name = "MOVE", .call = move_it },
	{ .name = "BLOCKERS", .call = ask_for_blockers },
	{ .name = "FREE", .call = free_it },
};

struct call {
	const struct victim *victim;
	struct buffer *buffer;
};

static int make_the_call(struct child *self, void *arg)
{
	struct call *call = arg;

	child_waits(self);
	call->victim->call(call->buffer);
	return 0;
}

/* Whatever came before did not wait for it. */
static void still_holds(const struct holder *holder)
{
	holds(!holder_has_let_go(holder), "somebody waited for the lock");
}

/* For those that were late to die: on a busy host one may be so by itself, but not again. */
#define SPARES 4

struct victims {
	struct call *calls;	/* of each child, which sees them */
	struct child children[2 * ARRAY_SIZE(victims) + SPARES];
	size_t next;		/* spare */
};

static void victims_begin(struct victims *all, struct buffer *one, struct buffer *other)
{
	size_t number = ARRAY_SIZE(all->children);

	all->next = 2 * ARRAY_SIZE(victims);
	all->calls = mmap(NULL, number * sizeof(*all->calls), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	holds(all->calls != MAP_FAILED);
	for (size_t i = 0; i < number; i++) {
		if (i < all->next)
			all->calls[i] = (struct call){ &victims[i / 2], i % 2 ? one : other };
		all->children[i] = child_start(make_the_call, &all->calls[i]);
		child_is_waiting(&all->children[i]);
	}
}

static void goes_into_the_call(struct victims *all, size_t i)
{
	child_go_on(&all->children[i]);
	holds(eventually(is_in_ioctl, all->children[i].pid), "%s",
	      all->calls[i].victim->name);
}

static uint64_t time_to_die(struct victims *all, size_t i, const struct holder *holder)
{
	uint64_t ns = dr_now();

	child_kill(&all->children[i]);
	holds(!holder_has_let_go(holder), "%s waited", all->calls[i].victim->name);
	return dr_now() - ns;
}

static void dies_soon(struct victims *all, size_t i, const struct holder *holder)
{
	uint64_t most = 100 * MSEC * patience(), ns = time_to_die(all, i, holder);

	while (ns >= most && all->next < ARRAY_SIZE(all->children)) {
		size_t spare = all->next++;

		all->calls[spare] = all->calls[i];
		goes_into_the_call(all, spare);
		ns = time_to_die(all, spare, holder);
	}
	expect(ns < most, "%s took %llu ms to die", all->calls[i].victim->name,
	       (long long)(ns / MSEC));
}

static void victims_end(struct victims *all)
{
	while (all->next < ARRAY_SIZE(all->children))
		child_kill(&all->children[all->next++]);
	munmap(all->calls, ARRAY_SIZE(all->children) * sizeof(*all->calls));
}

CASE(locks, E8_fatal_signal_ends_each_call)
{
	struct buffer buffer = buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_QUARANTINE);
	struct buffer other = buffer_alloc(PAGE, 0);
	struct victims all;
	struct holder holders[2];

	/* All at once, so that the lock is kept once. They are made before there are threads. */
	victims_begin(&all, &buffer, &other);
	holder_begin(&holders[0], &buffer);
	holder_begin(&holders[1], &other);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(victims); i++)
		goes_into_the_call(&all, i);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(victims); i++)
		dies_soon(&all, i, &holders[0]);
	victims_end(&all);
	still_holds(&holders[0]);
	still_holds(&holders[1]);
	holder_end(&holders[0]);
	holder_end(&holders[1]);
	/* FREE has done nothing, nor has REVOKE. */
	equal(query(buffer.id).state, DMABUF_REVOKE_STATE_SUSPENDED);
	equal(query(other.id).state, DMABUF_REVOKE_STATE_SUSPENDED);
	close(buffer.fd);
	close(other.fd);
}

/* The end of an owner neither waits for a lock, nor do its other buffers. */
CASE(locks, E13_buffers_of_an_owner_do_not_wait_for_each_other)
{
	int owner;
	struct buffer first = buffer_alloc_owned(PAGE, 0, &owner);
	struct holder holder;
	struct buffer second = { .length = PAGE };

	succeeds(dr_alloc(owner, PAGE, 0, &second.id, &second.fd));
	close(second.fd);
	holder_begin(&holder, &first);
	close(owner);
	holds(eventually(is_gone, second.id));
	still_holds(&holder);
	holder_end(&holder);
	close(first.fd);
	holds(eventually(is_gone, first.id));
}

/* More than the workers of a workqueue, which all wait for locks or callbacks then. */
#define CROWD 1100

static bool nobody_has_unmapped(const int *atts)
{
	for (int i = 0; i < CROWD; i++)
		while (is_readable(atts[i], 0))
			if (next_event(atts[i]).type == DMABUF_REVOKE_EVENT_UNMAPPED)
				return false;
	return true;
}

/* The end of so many buffers, while which something is done with somebody else's. */
static bool goes_on_beside_a_crowd(void (*act)(uint64_t id))
{
	/* So much is given back by a worker. */
	struct buffer buffer = buffer_alloc(2 * MIB, 0);
	int owner = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	static int atts[CROWD];
	struct buffer other;
	bool ret;

	for (int i = 0; i < CROWD; i++) {
		succeeds(dr_alloc(owner, PAGE, 0, &other.id, &other.fd));
		atts[i] = attach_misbehaving(other.fd, DMABUF_REVOKE_KIND_DYNAMIC,
					     DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK,
					     10 * SEC);
		succeeds(dr_map(atts[i], 0));
		close(other.fd);
	}
	close(owner);
	act(buffer.id);
	ret = nobody_has_unmapped(atts);
	for (int i = 0; i < CROWD; i++)
		close(atts[i]);
	close(buffer.fd);
	return ret;
}

/* On a slow machine it may be late by itself, but not each time. */
static void does_not_wait_for_a_crowd(bool (*goes_on)(void))
{
	const struct rlimit limit = { 2 * CROWD, 2 * CROWD };

	if (patience() > 2)
		skip("to start %d workers takes too long here", CROWD);
	succeeds(sys(setrlimit(RLIMIT_NOFILE, &limit)));
	for (int i = 0; i < 3; i++)
		if (goes_on())
			return;
	holds(false, "it waited for a lock");
}

static bool moves_beside_a_crowd(void)
{
	return goes_on_beside_a_crowd(move_fully);
}

/* Who waits for the fence of a move may hold the locks of all other buffers. */
CASE(locks, E14_I8_move_does_not_wait_for_the_locks_of_others)
{
	does_not_wait_for_a_crowd(moves_beside_a_crowd);
}

static void revokes(uint64_t id)
{
	revoke_fully(id);
}

static bool revokes_beside_a_crowd(void)
{
	return goes_on_beside_a_crowd(revokes);
}

/* It has no share in the end of others. */
CASE(locks, E8_revoke_does_not_wait_for_the_locks_of_others)
{
	does_not_wait_for_a_crowd(revokes_beside_a_crowd);
}

/* The same crowd, while what each has waited for comes. */
static bool goes_on_beside_late_fences(void)
{
	struct buffer buffer = buffer_alloc(2 * MIB, 0);
	int owner = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	int late, fence = foreign_fence(60 * SEC, &late);
	static int atts[CROWD];
	struct buffer other;
	uint64_t began;
	bool ret;

	for (int i = 0; i < CROWD; i++) {
		succeeds(dr_alloc(owner, PAGE, 0, &other.id, &other.fd));
		import_fence(other.fd, fence);
		fails(dr_suspend(owner, other.id, dr_now(), NULL), ETIMEDOUT);
		atts[i] = attach_misbehaving(other.fd, DMABUF_REVOKE_KIND_DYNAMIC,
					     DMABUF_REVOKE_MISBEHAVE_SLOW_CALLBACK,
					     10 * SEC);
		close(other.fd);
	}
	began = dr_now();
	close(owner);
	/* Who is called back has the lock; of those for whom there is no worker none is. */
	for (int i = 0; i < CROWD && is_readable(atts[i], 1000); i++)
		expect_event(atts[i], DMABUF_REVOKE_EVENT_INVALIDATED);
	close(late);
	revoke_fully(buffer.id);
	ret = dr_now() - began < 10 * SEC;
	for (int i = 0; i < CROWD; i++)
		close(atts[i]);
	close(fence);
	close(buffer.fd);
	return ret;
}

CASE(locks, E8_revoke_does_not_wait_for_those_whose_fences_have_signalled)
{
	does_not_wait_for_a_crowd(goes_on_beside_late_fences);
}

#define LARGE (128 * MIB)

/* What is left when the last blocker has gone is no reason to stay, either. */
static bool dies_before_the_memory_is_back(void)
{
	struct buffer buffer = buffer_alloc(LARGE, 0);
	struct call call = {
		.victim = &(const struct victim){ .call = revoke_now },
		.buffer = &buffer,
	};
	struct child child;
	bool ret;

	/* What somebody has had is scrubbed. */
	close(attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0));
	child = child_start(make_the_call, &call);
	child_is_waiting(&child);
	child_go_on(&child);
	eventually(is_in_ioctl, child.pid);
	kill(child.pid, SIGKILL);
	child_reap(&child);
	ret = !is_revoked(buffer.id);
	holds(eventually(is_revoked, buffer.id));
	succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
	close(buffer.fd);
	return ret;
}

CASE(locks, E8_fatal_signal_ends_the_wait_for_the_memory)
{
	bool died = false;

	for (int i = 0; i < 10 && !died; i++)
		died = dies_before_the_memory_is_back();
	holds(died);
}

/*
 * A fault waits without mmap_lock and is told to try again, until it may not be told so
 * any more. The keeper goes first on this CPU, and so has the lock again whenever the
 * fault tries.
 */
CASE(locks, fault_waits_each_time_it_tries)
{
	struct buffer buffer = buffer_that_maps_slowly(PAGE);
	void *memory = cpu_map(buffer.fd, PAGE);
	struct keeper keeper;

	stay_on_this_cpu();
	keeper_begin(&keeper, buffer.fd);
	equal(fault_on_read(memory), 0);
	keeper_end(&keeper);
	cpu_unmap(memory, PAGE);
	close(buffer.fd);
}
