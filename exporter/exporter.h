/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The revocable exporter.
 *
 * Floors, from above: main, ioctl, buffer, attachment, cpu, move, revoke, report, state,
 * registry, mapping, faults, quarantine, pages, account, work.
 *
 * Each file calls only those below it. What has to go up goes through what was given: the
 * ops of a dma-buf, a work item, the callback of a fence or of pages. This header has the
 * objects; pages.h, faults.h, revoke.h and dmabuf.h have what the files do, from below;
 * trace.h the trace events of all.
 *
 * Who refers to whom: an open file of the device owns the buffers that it
 * allocated and holds one dma-buf reference on each. A buffer is the priv of its
 * dma-buf and lives exactly as long. The registry leads from an id to a buffer
 * without a reference of its own: a buffer leaves it before the owner's reference
 * is dropped, so whoever finds it there, under the registry lock, finds a live
 * dma-buf and can take a reference.
 *
 * The owner's reference goes when the file is closed and nothing uses the memory
 * any more, whichever comes last. Pages that a move has replaced have a reference, too,
 * until they are freed: the buffer waits for that.
 *
 * Locks, outermost first: the registry lock; the dma-buf's resv lock; the sync_lock of
 * pages. The first two are never held together; lockdep is taught the order when the
 * module is loaded. Inside of all of them: the lock of the accounts, that of the faults.
 */
#ifndef DBR_EXPORTER_H
#define DBR_EXPORTER_H

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "alloc.h"
#include "compat.h"
#include "dmabuf_revoke.h"
#include "pages.h"

/* An open file of the device. */
struct dbr_owner {
	struct list_head buffers;	/* registry lock; dbr_buffer.owned */
};

struct dbr_buffer {
	/* Constant once registered. */
	struct dma_buf *dmabuf;		/* not a reference: its priv is this */
	u64 id;
	u32 flags;			/* DMABUF_REVOKE_ALLOC_* */
	struct dbr_shape shape;		/* as it was made */
	u64 faults;			/* DMABUF_REVOKE_FAULT_*, but @switched */
	u64 faults_delay_ns;		/* of those that take time */
	struct page *zero_page;		/* with ALLOC_ZERO_PAGE */
	struct dbr_account *account;	/* has the buffer itself, and @zero_page */

	/* Registry lock. */
	struct dbr_owner *owner;	/* NULL once its file is closed */
	struct list_head owned;
	struct rb_node registered;

	/* faults_lock, since attach and mmap come without the resv lock. */
	spinlock_t faults_lock;
	u64 switched;			/* DMABUF_REVOKE_FAULT_* that FAULTS sets */
	u32 faults_left;		/* so often; 0: without end */
	int faults_error;		/* of those that fail; negative */
	u32 faults_calls;		/* of FAULTS; what is held by one is released by the next */
	u32 held;			/* callers, since the last */
	bool faults_over;		/* there is no owner any more: none, for good */

	/*
	 * The resv lock. Readers without it may see LIVE for a moment too long,
	 * and must not act on that; REVOKED, once seen, is final.
	 */
	enum dmabuf_revoke_state state;
	bool invalidating;		/* importers' callbacks are being called */
	bool orphaned;
	bool unregistered;		/* or about to be: the owner's reference goes, for good */
	bool releasing;			/* the memory is being released, or has been */
	struct dbr_pages *pages;	/* a reference; NULL: released */
	/*
	 * That a move has replaced, and that are not freed. More only with the lock; less
	 * also without it, after which old_work looks again.
	 */
	atomic_t old_pages;
	struct dbr_pages *kept;		/* dbr_fault_keeps_old_pages(); references */
	u64 generation;			/* counts changes of @pages */
	struct dma_fence *move;		/* the last move's; a reference; or NULL */
	unsigned int maps;		/* mappings of all attachments */
	unsigned int legacy_maps;	/* of those that cannot be revoked */
	unsigned int pins;
	struct list_head abandoned;	/* mappings of who detached; for good */
	unsigned int vmaps;
	struct dbr_pages *vmap_pages;	/* what is vmapped; a reference */
	ktime_t vmapped;		/* since when */
	struct dma_fence *fence;	/* what the revoke waits for; a reference */
	ktime_t began;			/* ends of the phases; 0: not yet */
	ktime_t invalidated;
	ktime_t zapped;
	ktime_t fenced;
	ktime_t unmapped;
	ktime_t released;

	struct dma_fence_cb fence_cb;	/* armed while fence is set */
	struct work_struct fence_work;	/* fence has signalled */
	struct work_struct old_work;	/* the last old pages are freed; a dma-buf reference */
	struct work_struct release_work;	/* releases the memory, if there is much */
	struct work_struct orphan_work;	/* the owner is gone; a dma-buf reference */
	struct delayed_work late_work;	/* complains; pending: a dma-buf reference */
	wait_queue_head_t wait;		/* for state to become REVOKED */
};

/* One mapping of an attachment, or its spare. */
struct dbr_mapping {
	/* Constant. */
	struct sg_table table;
	struct scatterlist single;	/* of @table, if one entry is enough */
	unsigned int nr_bare;		/* entries of @bare that there is room for; 0: none */
	struct device *dev;
	u64 generation;			/* of the pages in @table */

	/* The resv lock; while mapped. */
	struct sg_table bare;		/* handed out in place of @table, with BARE_TABLE */
	struct list_head of_attachment;	/* dbr_attachment.mappings, dbr_buffer.abandoned */
	struct dbr_pages *pages;	/* a reference */
	enum dma_data_direction dir;
	ktime_t since;

	/* dbr_pages.sync_lock; while mapped. */
	struct list_head of_pages;	/* dbr_pages.mappings */
	enum dma_data_direction dma_dir;	/* @dir as the DMA API knows it */
};

/* What an attachment costs us; dma_buf_attachment.priv. */
struct dbr_attachment {
	bool revocable;			/* constant */

	/* The resv lock. */
	struct list_head mappings;	/* dbr_mapping.of_attachment */
	/* From attach on, so that the first map allocates nothing; or NULL. */
	struct dbr_mapping *spare;
	unsigned int pins;
};

/* mapping.c */
void dbr_mapping_teach_lockdep(void);
bool dbr_device_can_map(struct device *dev);
bool dbr_device_may_bounce(struct device *dev);
struct dbr_mapping *dbr_mapping_create(struct dbr_buffer *buf, struct device *dev);
void dbr_mapping_destroy(struct dbr_mapping *m);
struct sg_table *dbr_mapping_table(struct dbr_mapping *m);
int dbr_mapping_map(struct dbr_mapping *m, struct dbr_pages *pages,
		    enum dma_data_direction dir);
void dbr_mapping_unmap(struct dbr_mapping *m);
void dbr_mapping_abandon(struct dbr_mapping *m);
void dbr_mappings_sync_for_cpu(struct dbr_pages *pages);
void dbr_mappings_sync_for_device(struct dbr_pages *pages, enum dma_data_direction cpu);
void dbr_mappings_arrived(struct dbr_pages *pages);

#endif /* DBR_EXPORTER_H */
