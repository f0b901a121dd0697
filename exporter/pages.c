// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages behind a buffer: as few and as large chunks as the system has, counted
 * by account.c, scrubbed before they are freed if anybody has had them.
 */

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "pages.h"

/*
 * Large chunks only while they come without effort. The last resort may reclaim,
 * but fails rather than call the OOM killer.
 */
#define DBR_GFP_LARGE	((GFP_HIGHUSER | __GFP_ZERO | __GFP_ACCOUNT |	\
			  __GFP_NOWARN | __GFP_NORETRY | __GFP_COMP) &	\
			 ~__GFP_RECLAIM)
#define DBR_GFP_SINGLE	(GFP_HIGHUSER | __GFP_ZERO | __GFP_ACCOUNT |	\
			 __GFP_NOWARN | __GFP_RETRY_MAYFAIL)
/* Of @size bytes, a constant; of one page where pages are larger. */
#define DBR_ORDER(size)	ilog2((size) >> PAGE_SHIFT)
/* Descending. The middle ones are sizes that IOMMUs like. */
static const unsigned int dbr_orders[] = {
	MAX_PAGE_ORDER, DBR_ORDER(SZ_1M), DBR_ORDER(SZ_64K), 0,
};

/*
 * What is repeated is not charged again, but page tables, and tables of importers, have an
 * entry for each page or chunk.
 */
#define DBR_REPEATED_PAGES	((16ULL << 30) >> PAGE_SHIFT)
#define DBR_REPEATED_CHUNKS	SZ_1M
/* No array is longer; and as few are counted by an int. */
#define DBR_CHUNKS		(INT_MAX / sizeof(struct dbr_chunk))

/**
 * dbr_shape_init - what memory is to be made of
 * @shape: receives it
 * @kind: of what sort
 * @arg: seed, or bytes of memory
 * @nr_pages: how many are to be seen
 *
 * Return: 0, -EINVAL or -EOVERFLOW.
 */
int dbr_shape_init(struct dbr_shape *shape, enum dmabuf_revoke_shape kind, u64 arg,
		   pgoff_t nr_pages)
{
	*shape = (struct dbr_shape){ .kind = kind, .seed = arg, .nr_memory = nr_pages };
	switch (kind) {
	case DMABUF_REVOKE_SHAPE_DEFAULT:
		return arg ? -EINVAL : 0;
	case DMABUF_REVOKE_SHAPE_ONE_CHUNK:
		if (arg || !is_power_of_2(nr_pages))
			return -EINVAL;
		return ilog2(nr_pages) > MAX_PAGE_ORDER ? -EOVERFLOW : 0;
	case DMABUF_REVOKE_SHAPE_SHUFFLED:
		return nr_pages > DBR_CHUNKS ? -EOVERFLOW : 0;
	case DMABUF_REVOKE_SHAPE_REPEATED:
		if (!arg || arg > (u64)nr_pages << PAGE_SHIFT)
			return -EINVAL;
		shape->nr_memory = PAGE_ALIGN(arg) >> PAGE_SHIFT;
		if (nr_pages % shape->nr_memory)
			return -EINVAL;
		return nr_pages > DBR_REPEATED_PAGES ? -EOVERFLOW : 0;
	default:
		return -EINVAL;
	}
}

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

	list_for_each_entry_safe(page, tmp, list, lru) {
		__free_pages(page, compound_order(page));
		cond_resched();
	}
}

/* All in one, with more of an effort. Returns the number of chunks. */
static int dbr_list_alloc_one(struct list_head *list, pgoff_t nr_pages)
{
	struct page *page = alloc_pages(DBR_GFP_SINGLE | __GFP_COMP, ilog2(nr_pages));

	if (!page)
		return -ENOMEM;
	list_add(&page->lru, list);
	return 1;
}

/* Collects zeroed pages on @list. Returns the number of chunks. */
static int dbr_list_alloc(struct list_head *list, const struct dbr_shape *shape)
{
	bool single = shape->kind == DMABUF_REVOKE_SHAPE_SHUFFLED;
	unsigned int next = single ? ARRAY_SIZE(dbr_orders) - 1 : 0;
	pgoff_t nr_pages = shape->nr_memory;
	int nr_chunks = 0;

	if (shape->kind == DMABUF_REVOKE_SHAPE_ONE_CHUNK)
		return dbr_list_alloc_one(list, nr_pages);
	while (nr_pages) {
		struct page *page;

		if (fatal_signal_pending(current))
			return -EINTR;
		if (nr_chunks == DBR_CHUNKS)
			return -EOVERFLOW;
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

/* Others would be given the contents. Pages that nobody has had are as zero as they came. */
static void dbr_chunk_scrub(struct page *page, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		clear_highpage(page + i);
}

static void dbr_pages_free(struct dbr_pages *pages)
{
	void (*freed)(void *data) = pages->freed;
	void *freed_data = pages->freed_data;
	unsigned int i;

	for (i = 0; i < pages->nr_chunks; i++) {
		struct page *page = pages->chunks[i].page;
		unsigned int order = compound_order(page);

		if (pages->handed_out)
			dbr_chunk_scrub(page, order);
		__free_pages(page, order);
		cond_resched_tasks_rcu_qs();
	}
	dbr_account_uncharge(pages->account, DBR_CHARGE_MEMORY, pages->nr_memory);
	if (pages->chunks != &pages->single)
		kvfree(pages->chunks);
	kfree(pages);
	if (freed)
		freed(freed_data);
}

static void dbr_pages_free_work(struct work_struct *work)
{
	dbr_pages_free(container_of(work, struct dbr_pages, free_work));
}

/* Room for @pages->nr_chunks; for one it is there. */
static struct dbr_chunk *dbr_chunks_room(struct dbr_pages *pages)
{
	if (pages->nr_chunks == 1)
		return &pages->single;
	return kvmalloc_array(pages->nr_chunks, sizeof(*pages->chunks),
			      GFP_CALLER);
}

/* What is on the list becomes the first of them. */
static void dbr_chunks_take(struct dbr_pages *pages, struct list_head *list)
{
	struct page *page, *tmp;
	pgoff_t start = 0;
	int i = 0;

	list_for_each_entry_safe(page, tmp, list, lru) {
		list_del(&page->lru);
		pages->chunks[i].page = page;
		pages->chunks[i++].start = start;
		start += 1UL << compound_order(page);
		cond_resched();
	}
}

/* They are all of one size. */
static void dbr_chunks_shuffle(struct dbr_pages *pages, u64 seed)
{
	struct rnd_state state;
	unsigned int i, other;

	prandom_seed_state(&state, seed);
	for (i = pages->nr_chunks - 1; i; i--) {
		other = prandom_u32_state(&state) % (i + 1);
		swap(pages->chunks[i].page, pages->chunks[other].page);
		cond_resched();
	}
}

static int dbr_chunks_alloc(struct dbr_pages *pages, const struct dbr_shape *shape)
{
	pgoff_t times = pages->nr_pages / pages->nr_memory;
	LIST_HEAD(list);
	int ret;

	ret = dbr_list_alloc(&list, shape);
	if (ret < 0)
		goto err_free;
	pages->nr_chunks = ret;
	if (times > 1 && times > DBR_REPEATED_CHUNKS / ret) {
		ret = -EOVERFLOW;
		goto err_free;
	}
	pages->chunks = dbr_chunks_room(pages);
	if (!pages->chunks) {
		ret = -ENOMEM;
		goto err_free;
	}

	dbr_chunks_take(pages, &list);
	if (shape->kind == DMABUF_REVOKE_SHAPE_SHUFFLED)
		dbr_chunks_shuffle(pages, shape->seed);
	return 0;

err_free:
	dbr_list_free(&list);
	return ret;
}

void dbr_pages_init_sync(struct dbr_pages *pages)
{
	mutex_init(&pages->sync_lock);
	INIT_LIST_HEAD(&pages->mappings);
}

/**
 * dbr_pages_alloc - allocate zeroed pages, charged to the caller and to his cgroup
 * @nr_pages: how many; not 0
 * @shape: of what; made for as many
 *
 * Return: the pages, with one reference, or an ERR_PTR: -ENOMEM, -EOVERFLOW, or -EINTR
 * when a fatal signal ended it.
 */
struct dbr_pages *dbr_pages_alloc(pgoff_t nr_pages, const struct dbr_shape *shape)
{
	struct dbr_pages *pages;
	int ret;

	pages = kzalloc_obj(*pages, GFP_CALLER);
	if (!pages)
		return ERR_PTR(-ENOMEM);
	kref_init(&pages->refs);
	INIT_WORK(&pages->free_work, dbr_pages_free_work);
	dbr_pages_init_sync(pages);
	pages->nr_pages = nr_pages;
	pages->nr_memory = shape->nr_memory;

	pages->account = dbr_account_charge(DBR_CHARGE_MEMORY, pages->nr_memory);
	if (IS_ERR(pages->account)) {
		ret = PTR_ERR(pages->account);
		goto err_free;
	}
	ret = dbr_chunks_alloc(pages, shape);
	if (ret)
		goto err_uncharge;
	return pages;

err_uncharge:
	dbr_account_uncharge(pages->account, DBR_CHARGE_MEMORY, pages->nr_memory);
err_free:
	kfree(pages);
	return ERR_PTR(ret);
}

struct dbr_pages *dbr_pages_get(struct dbr_pages *pages)
{
	kref_get(&pages->refs);
	return pages;
}

static void dbr_pages_release(struct kref *refs)
{
	dbr_pages_free(container_of(refs, struct dbr_pages, refs));
}

static void dbr_pages_release_later(struct kref *refs)
{
	queue_work(dbr_wq, &container_of(refs, struct dbr_pages, refs)->free_work);
}

/* Scrubbing takes its time: not under the resv lock. */
void dbr_pages_put(struct dbr_pages *pages)
{
	if (pages)
		kref_put(&pages->refs, dbr_pages_release);
}

/* For those who hold it. */
void dbr_pages_put_later(struct dbr_pages *pages)
{
	if (pages)
		kref_put(&pages->refs, dbr_pages_release_later);
}

/* Bytes from @phys on, of @left, that a device takes as one segment; whole pages. */
static size_t dbr_segment_length(const struct dbr_limits *limits, phys_addr_t phys,
				 size_t left)
{
	size_t length = min(left, limits->length);
	/* Without the last byte, since the sum may be beyond an unsigned long. */
	unsigned long room = limits->boundary - (phys & limits->boundary);

	return length - 1 > room ? room + 1 : length;
}

/* Their number; with @sg, which has room for them, the segments themselves, too. */
static unsigned int dbr_pages_segments(struct dbr_pages *pages,
				       const struct dbr_limits *limits,
				       struct scatterlist *sg)
{
	unsigned int i = 0, n = 0;
	pgoff_t done;

	for (done = 0; done < pages->nr_pages; i = (i + 1) % pages->nr_chunks) {
		struct page *page = pages->chunks[i].page;
		size_t size = PAGE_SIZE << compound_order(page);
		size_t at, length;

		for (at = 0; at < size; at += length, n++) {
			length = dbr_segment_length(limits, page_to_phys(page) + at,
						    size - at);
			if (!sg)
				continue;
			sg_set_page(sg, page + (at >> PAGE_SHIFT), length, 0);
			sg = sg_next(sg);
		}
		done += size >> PAGE_SHIFT;
		cond_resched();
	}
	return n;
}

/* A table with room for each segment; for one it is @single, which needs no memory. */
static int dbr_table_alloc(struct sg_table *table, unsigned int nr_segments,
			   struct scatterlist *single)
{
	if (nr_segments > 1)
		return sg_alloc_table(table, nr_segments, GFP_CALLER);
	sg_init_table(single, 1);
	*table = (struct sg_table){ .sgl = single, .nents = 1, .orig_nents = 1 };
	return 0;
}

/**
 * dbr_pages_to_sg - name the pages to an importer
 * @pages: the pages
 * @table: receives one entry a segment; chunks that happen to be neighbours stay apart
 * @single: memory for one entry; if @table->sgl leads there it is not to be freed
 * @limits: of a segment
 *
 * Return: 0 or -ENOMEM.
 */
int dbr_pages_to_sg(struct dbr_pages *pages, struct sg_table *table,
		    struct scatterlist *single, const struct dbr_limits *limits)
{
	int ret;

	ret = dbr_table_alloc(table, dbr_pages_segments(pages, limits, NULL), single);
	if (ret)
		return ret;

	WRITE_ONCE(pages->handed_out, true);
	dbr_pages_segments(pages, limits, table->sgl);
	return 0;
}

/**
 * dbr_pages_pfn - where a page of the buffer is
 * @pages: the pages
 * @offset: in pages; less than @pages->nr_pages
 * @contiguous: receives how many follow each other from there on, itself included
 */
unsigned long dbr_pages_pfn(struct dbr_pages *pages, pgoff_t offset,
			    unsigned long *contiguous)
{
	unsigned int low = 0, high = pages->nr_chunks;
	const struct dbr_chunk *chunk;
	unsigned long skip;

	WRITE_ONCE(pages->handed_out, true);
	if (offset >= pages->nr_memory)
		offset %= pages->nr_memory;
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

struct page *dbr_pages_page(struct dbr_pages *pages, pgoff_t offset)
{
	unsigned long contiguous;

	return pfn_to_page(dbr_pages_pfn(pages, offset, &contiguous));
}

/* All of @from to @to, which has as many and repeats as many. */
void dbr_pages_copy(struct dbr_pages *from, struct dbr_pages *to)
{
	pgoff_t i;

	for (i = 0; i < from->nr_memory; i++) {
		copy_highpage(dbr_pages_page(to, i), dbr_pages_page(from, i));
		cond_resched_tasks_rcu_qs();
	}
}
