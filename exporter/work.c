// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workqueues, on which all that takes its time ends up.
 */

#include "pages.h"

/* For what takes resv locks, or its time. */
struct workqueue_struct *dbr_wq;
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
	dbr_move_wq = alloc_workqueue("dmabuf-revoke-move",
				      WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!dbr_move_wq) {
		destroy_workqueue(dbr_wq);
		return -ENOMEM;
	}
	return 0;
}

/* Waits for what is on them. */
void dbr_work_exit(void)
{
	destroy_workqueue(dbr_move_wq);
	destroy_workqueue(dbr_wq);
}
