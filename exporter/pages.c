// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages behind a buffer: as few and as large chunks as the system has.
 */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "exporter.h"

/*
 * Large chunks only while they come without effort. The last resort may reclaim,
 * but fails rather than call the OOM killer.
 */
#define DBR_GFP_LARGE	((GFP_HIGHUSER | __GFP_ZERO | __GFP_ACCOUNT |	\
			  __GFP_NOWARN | __GFP_NORETRY | __GFP_COMP) &	\
			 ~__GFP_RECLAIM)
#define DBR_GFP_SINGLE	(GFP_HIGHUSER | __GFP_ZERO | __GFP_ACCOUNT |	\
			 __GFP_NOWARN | __GFP_RETRY_MAYFAIL)
/* For tables, which grow with the buffer. */
#define DBR_GFP_TABLE	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* Descending. The middle ones are sizes that IOMMUs like: 1 MiB, 64 KiB. */
static const unsigned int dbr_orders[] = { MAX_PAGE_ORDER, 8, 4, 0 };

/*
 * One chunk of at most @max pages. Sizes that failed once are not tried again:
 * *@next is where to go on in dbr_orders.
 */
static struct page *dbr_chunk_alloc(pgoff_t max, unsigned int *next)
{
	struct page *page;

	for (; *next < ARRAY_SIZE(dbr_orders); ++*next) {
		unsigned int order = dbr_orders[*next];

		if (max >> order == 0)
			continue;
		page = alloc_pages(order ? DBR_GFP_LARGE : DBR_GFP_SINGLE, order);
		if (page)
			return page;
	}
	return NULL;
}

static void dbr_list_free(struct list_head *list)
{
	struct page *page, *tmp;

	list_for_each_entry_safe(page, tmp, list, lru)
		__free_pages(page, compound_order(page));
}

/* Collects @nr_pages zeroed pages on @list. Returns the number of chunks. */
static int dbr_list_alloc(struct list_head *list, pgoff_t nr_pages)
{
	unsigned int next = 0;
	int nr_chunks = 0;

	while (nr_pages) {
		struct page *page;

		if (fatal_signal_pending(current))
			return -EINTR;
		page = dbr_chunk_alloc(nr_pages, &next);
		if (!page)
			return -ENOMEM;
		list_add_tail(&page->lru, list);
		nr_pages -= 1UL << compound_order(page);
		nr_chunks++;
		cond_resched();
	}
	return nr_chunks;
}

/**
 * dbr_pages_alloc - allocate zeroed pages, charged to the caller's cgroup
 * @pages: receives them
 * @nr_pages: how many; not 0
 *
 * Return: 0, -ENOMEM, or -EINTR when a fatal signal ended it.
 */
int dbr_pages_alloc(struct dbr_pages *pages, pgoff_t nr_pages)
{
	struct page *page, *tmp;
	pgoff_t start = 0;
	LIST_HEAD(list);
	int ret, i = 0;

	ret = dbr_list_alloc(&list, nr_pages);
	if (ret < 0)
		goto err_free;

	pages->nr_chunks = ret;
	pages->nr_pages = nr_pages;
	pages->chunks = kvmalloc_array(pages->nr_chunks, sizeof(*pages->chunks),
				       DBR_GFP_TABLE);
	if (!pages->chunks) {
		ret = -ENOMEM;
		goto err_free;
	}

	list_for_each_entry_safe(page, tmp, &list, lru) {
		list_del(&page->lru);
		pages->chunks[i].page = page;
		pages->chunks[i++].start = start;
		start += 1UL << compound_order(page);
	}
	return 0;

err_free:
	dbr_list_free(&list);
	return ret;
}

void dbr_pages_free(struct dbr_pages *pages)
{
	unsigned int i;

	for (i = 0; i < pages->nr_chunks; i++) {
		struct page *page = pages->chunks[i].page;

		__free_pages(page, compound_order(page));
		cond_resched();
	}
	kvfree(pages->chunks);
}

/* One entry a chunk; chunks that happen to be neighbours stay apart. */
int dbr_pages_to_sg(const struct dbr_pages *pages, struct sg_table *table)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(table, pages->nr_chunks, DBR_GFP_TABLE);
	if (ret)
		return ret;

	for_each_sgtable_sg(table, sg, i) {
		struct page *page = pages->chunks[i].page;

		sg_set_page(sg, page, PAGE_SIZE << compound_order(page), 0);
	}
	return 0;
}

/**
 * dbr_pages_pfn - where a page of the buffer is
 * @pages: the pages
 * @offset: in pages; less than @pages->nr_pages
 * @contiguous: receives how many follow each other from there on, itself included
 */
unsigned long dbr_pages_pfn(const struct dbr_pages *pages, pgoff_t offset,
			    unsigned long *contiguous)
{
	unsigned int low = 0, high = pages->nr_chunks;
	const struct dbr_chunk *chunk;
	unsigned long skip;

	while (high - low > 1) {
		unsigned int mid = low + (high - low) / 2;

		if (pages->chunks[mid].start <= offset)
			low = mid;
		else
			high = mid;
	}

	chunk = &pages->chunks[low];
	skip = offset - chunk->start;
	*contiguous = (1UL << compound_order(chunk->page)) - skip;
	return page_to_pfn(chunk->page) + skip;
}
