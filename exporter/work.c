// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workqueues, on which all that takes its time ends up.
 */

#include "pages.h"

/* For what gives memory back, and takes its time. */
struct workqueue_struct *dbr_wq;
/*
 * For what takes the resv lock of a buffer that may be in use: the core keeps that for as long as
 * a KERNEL fence is not signalled, an importer's callback for as long as it likes, and all
 * workers of a queue may wait for such. What has had its fence, or is late, does not wait for
 * those whose owners have gone.
 */
struct workqueue_struct *dbr_step_wq;
struct workqueue_struct *dbr_orphan_wq;
/*
 * For what signals fences, and nothing else: who holds a resv lock, or reclaims memory, may
 * wait for a fence.
 */
struct workqueue_struct *dbr_move_wq;

static const struct {
	struct workqueue_struct **queue;
	const char *name;
	unsigned int flags;
} dbr_queues[] = {
	{ &dbr_wq, "dmabuf-revoke-exporter", 0 },
	{ &dbr_step_wq, "dmabuf-revoke-step", 0 },
	{ &dbr_orphan_wq, "dmabuf-revoke-orphan", 0 },
	{ &dbr_move_wq, "dmabuf-revoke-move", WQ_MEM_RECLAIM },
};

/*
 * Waits for what is on them; each may be given work by those after it. (What dbr_wq gives to
 * dbr_step_wq has a reference on a dma-buf, which keeps the module.)
 */
void dbr_work_exit(void)
{
	int i;

	for (i = ARRAY_SIZE(dbr_queues) - 1; i >= 0; i--)
		if (*dbr_queues[i].queue)
			destroy_workqueue(*dbr_queues[i].queue);
}

/* 0 or -ENOMEM. */
int dbr_work_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(dbr_queues); i++) {
		*dbr_queues[i].queue = alloc_workqueue("%s", WQ_UNBOUND | dbr_queues[i].flags,
						       0, dbr_queues[i].name);
		if (!*dbr_queues[i].queue) {
			dbr_work_exit();
			return -ENOMEM;
		}
	}
	return 0;
}
