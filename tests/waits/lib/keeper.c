// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "deliberate.h"
#include "keeper.h"

struct buffer buffer_that_maps_slowly(uint64_t length)
{
	return buffer_alloc_faulty(length, 0, DMABUF_REVOKE_FAULT_SLOW_MAP);
}

/* False: the buffer was taken back, between two maps or before the unmap. */
static bool maps_and_unmaps(int att)
{
	int ret = dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL);

	if (ret == -ENODEV)
		return false;
	succeeds(ret);
	ret = dr_unmap(att);
	if (ret == -ENXIO)
		return false;
	succeeds(ret);
	return true;
}

static void *map_slowly(void *arg)
{
	const struct sched_param priority = { .sched_priority = 1 };
	struct keeper *keeper = arg;
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	equal(pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority), 0);
	atomic_store(&keeper->tid, gettid());
	while (maps_and_unmaps(keeper->att) && !atomic_load(&keeper->stop))
		atomic_fetch_add(&keeper->maps, 1);
	return NULL;
}

/* It sleeps nowhere but in a map. */
static bool keeps(uint64_t keeper)
{
	int tid = atomic_load(&((struct keeper *)(uintptr_t)keeper)->tid);

	return tid && is_asleep(tid);
}

void keeper_begin(struct keeper *keeper, int dmabuf)
{
	atomic_init(&keeper->tid, 0);
	atomic_init(&keeper->stop, false);
	atomic_init(&keeper->maps, 0);
	keeper->att = attach(dmabuf, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	equal(pthread_create(&keeper->thread, NULL, map_slowly, keeper), 0);
	holds(eventually(keeps, (uintptr_t)keeper));
}

void keeper_end(struct keeper *keeper)
{
	atomic_store(&keeper->stop, true);
	equal(pthread_join(keeper->thread, NULL), 0);
	close(keeper->att);
}
