// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workqueues, on which all that takes its time ends up.
 */

#include "pages.h"

/* For what takes resv locks that nobody keeps for long, or its time. */
struct workqueue_struct *dbr_wq;
/*
 * For what takes the resv lock of a live buffer: the core keeps that for as long as a KERNEL
 * fence is not signalled, and all workers of a queue may wait for such.
 */
struct workqueue_struct *dbr_orphan_wq;
/*
 * For what signals fences, and nothing else: who holds a resv lock, or reclaims memory, may
 * wait for a fence.
 */
struct workqueue_struct *dbr_move_wq;

/* 0 or -ENOMEM. */
int dbr_work_init(void)
{
	dbr_wq = alloc_workqueue("dmabuf-revoke-exporter", WQ_UNBOUND, 0);
	if (!dbr_wq)
		return -ENOMEM;
	dbr_orphan_wq = alloc_workqueue("dmabuf-revoke-orphan", WQ_UNBOUND, 0);
	if (!dbr_orphan_wq)
		goto err_wq;
	dbr_move_wq = alloc_workqueue("dmabuf-revoke-move",
				      WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!dbr_move_wq)
		goto err_orphan_wq;
	return 0;

err_orphan_wq:
	destroy_workqueue(dbr_orphan_wq);
err_wq:
	destroy_workqueue(dbr_wq);
	return -ENOMEM;
}

/* Waits for what is on them; what is last may be given work by the others. */
void dbr_work_exit(void)
{
	destroy_workqueue(dbr_move_wq);
	destroy_workqueue(dbr_orphan_wq);
	destroy_workqueue(dbr_wq);
}
