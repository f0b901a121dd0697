// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that was taken back, filled with a pattern and watched: whoever writes to
 * it after the revoke leaves a mark. It is filled and checked through the caches, so of a
 * device that is not coherent a mark may be missed, where what they hold hides or replaces it.
 */

#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "pages.h"

#define DBR_PATTERN	0xdb

/* Nobody else uses the pages, or nobody should. */
void dbr_quarantine_fill(struct dbr_pages *pages)
{
	pgoff_t i;

	for (i = 0; i < pages->nr_memory; i++) {
		void *mem = kmap_local_page(dbr_pages_page(pages, i));

		memset(mem, DBR_PATTERN, PAGE_SIZE);
		kunmap_local(mem);
		cond_resched_tasks_rcu_qs();
	}
}

/**
 * dbr_quarantine_check - find the pages that were written to
 * @pages: after dbr_quarantine_fill()
 * @offsets: receives where the first of them are, in bytes
 * @capacity: how many fit
 * @changed: receives how many there are
 *
 * Return: 0, or -EINTR when a fatal signal ended it.
 */
int dbr_quarantine_check(struct dbr_pages *pages, u64 *offsets, u32 capacity,
			 u32 *changed)
{
	u32 n = 0;
	pgoff_t i;

	for (i = 0; i < pages->nr_memory; i++) {
		void *mem = kmap_local_page(dbr_pages_page(pages, i));
		bool clean = !memchr_inv(mem, DBR_PATTERN, PAGE_SIZE);

		kunmap_local(mem);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (clean)
			continue;
		if (n < capacity)
			offsets[n] = (u64)i << PAGE_SHIFT;
		n++;
	}
	*changed = n;
	return 0;
}
