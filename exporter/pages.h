/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lowest floors: memory, and who pays for it. They know of no buffer.
 */
#ifndef DBR_PAGES_H
#define DBR_PAGES_H

#include <linux/dma-mapping.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>

#include "alloc.h"
#include "compat.h"
#include "dmabuf_revoke.h"

/* A run of physically contiguous pages, one (compound) allocation. */
struct dbr_chunk {
	struct page *page;
	pgoff_t start;			/* offset in the memory, in pages */
};

/* How the memory is made up. */
struct dbr_shape {
	enum dmabuf_revoke_shape kind;
	u64 seed;			/* of SHUFFLED */
	pgoff_t nr_memory;		/* pages of memory; REPEATED: fewer than there are to see */
};

struct dbr_account;

/*
 * The pages behind a buffer. The buffer refers to them, and each mapping of them, so
 * that a move or a deliberate fault never frees what is in use.
 */
struct dbr_pages {
	struct kref refs;
	struct work_struct free_work;
	struct dbr_pages *next;		/* for whoever keeps several */

	/* Constant. */
	struct dbr_chunk *chunks;	/* ascending by start */
	struct dbr_chunk single;	/* @chunks, if one is enough */
	unsigned int nr_chunks;
	pgoff_t nr_memory;		/* pages in them */
	pgoff_t nr_pages;		/* to be seen: all chunks, again and again */
	struct dbr_account *account;	/* has the memory; see account.c */

	/* Inside of the resv lock, and of a fence's signalling path: see mapping.c. */
	struct mutex sync_lock;
	struct list_head mappings;	/* sync_lock; dbr_mapping.of_pages */
	bool arriving;			/* sync_lock; a move has not filled them yet */

	/*
	 * Called when they have been freed, by whoever put the last reference, without a resv
	 * lock; or NULL. Set by whoever holds a reference, once; read when the last has gone.
	 */
	void (*freed)(void *data);
	void *freed_data;

	/*
	 * Somebody may have written to them. Set by whoever holds a reference, never
	 * cleared; read when the last reference has gone.
	 */
	bool handed_out;
};

/* What a device takes as one segment. */
struct dbr_limits {
	size_t length;			/* at most; whole pages */
	unsigned long boundary;		/* none crosses a multiple of this plus one */
};

/* quarantine.c */
void dbr_quarantine_fill(struct dbr_pages *pages);
int dbr_quarantine_check(struct dbr_pages *pages, u64 *offsets, u32 capacity,
			 u32 *changed);

/* pages.c */
void dbr_pages_init_sync(struct dbr_pages *pages);
int dbr_shape_init(struct dbr_shape *shape, enum dmabuf_revoke_shape kind, u64 arg,
		   pgoff_t nr_pages);
struct dbr_pages *dbr_pages_alloc(pgoff_t nr_pages, const struct dbr_shape *shape);
struct dbr_pages *dbr_pages_get(struct dbr_pages *pages);
void dbr_pages_put(struct dbr_pages *pages);
void dbr_pages_put_later(struct dbr_pages *pages);
int dbr_pages_to_sg(struct dbr_pages *pages, struct sg_table *table,
		    struct scatterlist *single, const struct dbr_limits *limits);
unsigned long dbr_pages_pfn(struct dbr_pages *pages, pgoff_t offset,
			    unsigned long *contiguous);
struct page *dbr_pages_page(struct dbr_pages *pages, pgoff_t offset);
void dbr_pages_copy(struct dbr_pages *from, struct dbr_pages *to);

/* What is counted, each by itself. */
enum dbr_charge {
	DBR_CHARGE_MEMORY,		/* of buffers */
	DBR_CHARGE_OBJECTS,		/* what they take besides, and longer */
	DBR_CHARGES,
};

/* account.c */
u64 dbr_account_limit(void);
u64 dbr_account_memory(void);
struct dbr_account *dbr_account_charge(enum dbr_charge what, pgoff_t nr_pages);
void dbr_account_uncharge(struct dbr_account *account, enum dbr_charge what,
			  pgoff_t nr_pages);

/* work.c */
extern struct workqueue_struct *dbr_wq;
extern struct workqueue_struct *dbr_step_wq;
extern struct workqueue_struct *dbr_orphan_wq;
extern struct workqueue_struct *dbr_move_wq;
int dbr_work_init(void);
void dbr_work_exit(void);

#endif /* DBR_PAGES_H */
