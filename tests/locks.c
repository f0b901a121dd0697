// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who needs the resv lock of a buffer, while somebody keeps it: a signal ends the wait of
 * a call, and nothing has been done; a fault waits, and waits again.
 */
#include <linux/dma-buf.h>

#include "keeper.h"

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
