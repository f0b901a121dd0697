/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The revocable exporter.
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
 * module is loaded. Inside of all of them: the lock of the accounts.
 */
#ifndef DBR_EXPORTER_H
#define DBR_EXPORTER_H

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "alloc.h"
#include "compat.h"
#include "dmabuf_revoke.h"

#define DBR_FAULT_DELAY_NS	(100 * NSEC_PER_MSEC)	/* of the faults that take time */

/* A run of physically contiguous pages, one (compound) allocation. */
struct dbr_chunk {
	struct page *page;
	pgoff_t start;			/* offset in the buffer, in pages */
};

struct dbr_account;

/*
 * The pages behind a buffer. The buffer refers to them, and each mapping of them, so
 * that a move or a deliberate fault never frees what is in use.
 */
struct dbr_pages {
	struct kref refs;
	struct work_struct free_work;
	struct dbr_pages *next;		/* dbr_buffer.kept */

	/* Constant. */
	struct dbr_chunk *chunks;	/* ascending by start */
	struct dbr_chunk single;	/* @chunks, if one is enough */
	unsigned int nr_chunks;
	pgoff_t nr_pages;
	struct dbr_account *account;	/* has these pages; see account.c */

	/* Inside of the resv lock, and of a fence's signalling path: see mapping.c. */
	struct mutex sync_lock;
	struct list_head mappings;	/* sync_lock; dbr_mapping.of_pages */
	bool arriving;			/* sync_lock; a move has not filled them yet */

	/*
	 * Whose they were before a move, which is not REVOKED before they are freed: a
	 * dma-buf reference. Set under the resv lock.
	 */
	struct dbr_buffer *old_of;

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

/* An open file of the device. */
struct dbr_owner {
	struct list_head buffers;	/* registry lock; dbr_buffer.owned */
};

struct dbr_buffer {
	/* Constant once published. */
	struct dma_buf *dmabuf;		/* not a reference: its priv is this */
	u64 id;
	u32 flags;			/* DMABUF_REVOKE_ALLOC_* */
	u64 faults;			/* DMABUF_REVOKE_FAULT_* */
	struct page *zero_page;		/* with ALLOC_ZERO_PAGE */

	/* Registry lock. */
	struct dbr_owner *owner;	/* NULL once its file is closed */
	struct list_head owned;
	struct rb_node registered;

	/*
	 * The resv lock. Readers without it may see LIVE for a moment too long,
	 * and must not act on that; REVOKED, once seen, is final.
	 */
	enum dmabuf_revoke_state state;
	bool telling;			/* importers are being told right now */
	bool orphaned;
	bool forgotten;			/* the owner's reference goes, for good */
	bool giving;			/* the memory is being given back, or has been */
	struct dbr_pages *pages;	/* a reference; NULL: given back */
	/*
	 * That a move has replaced, and that are not freed. More only with the lock; less
	 * also without it, after which old_work looks again.
	 */
	atomic_t old_pages;
	struct dbr_pages *kept;		/* of old, with FAULT_NO_ZAP; references */
	u64 generation;			/* counts changes of @pages */
	struct dma_fence *move;		/* the last move's; a reference; or NULL */
	unsigned int maps;		/* mappings of all attachments */
	unsigned int legacy_maps;	/* of those that cannot be told */
	unsigned int pins;
	struct list_head abandoned;	/* mappings of who detached; for good */
	unsigned int vmaps;
	struct dbr_pages *vmap_pages;	/* what is vmapped; a reference */
	ktime_t vmapped;		/* since when */
	struct dma_fence *fence;	/* what the revoke waits for; a reference */
	ktime_t began;			/* ends of the phases; 0: not yet */
	ktime_t told;
	ktime_t zapped;
	ktime_t fenced;
	ktime_t unmapped;
	ktime_t given_back;

	struct dma_fence_cb fence_cb;	/* armed while fence is set */
	struct work_struct fence_work;	/* fence has signalled */
	struct work_struct old_work;	/* the last old pages are freed; a dma-buf reference */
	struct work_struct give_work;	/* gives the memory back, if there is much */
	struct work_struct orphan_work;	/* the owner is gone; a dma-buf reference */
	struct delayed_work late_work;	/* complains; pending: a dma-buf reference */
	wait_queue_head_t wait;		/* for state to become REVOKED */
};

/* One mapping of an attachment, or its spare. */
struct dbr_mapping {
	/* Constant. */
	struct sg_table table;
	struct scatterlist single;	/* of @table, if one entry is enough */
	struct device *dev;
	u64 generation;			/* of the pages in @table */

	/* The resv lock; while mapped. */
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

extern struct workqueue_struct *dbr_wq;
extern struct workqueue_struct *dbr_move_wq;

/* Whether the buffer was made with this deliberate bug. */
static inline bool dbr_has_fault(const struct dbr_buffer *buf, u64 fault)
{
	return unlikely(buf->faults & fault);
}

/* faults.c */
int dbr_faults_check(u64 faults);
void dbr_faults_log(u64 faults);

/* account.c */
u64 dbr_account_limit(void);
u64 dbr_account_bytes(void);
struct dbr_account *dbr_account_charge(pgoff_t nr_pages);
void dbr_account_uncharge(struct dbr_account *account, pgoff_t nr_pages);

/* pages.c */
struct dbr_pages *dbr_pages_alloc(pgoff_t nr_pages);
struct dbr_pages *dbr_pages_get(struct dbr_pages *pages);
void dbr_pages_put(struct dbr_pages *pages);
void dbr_pages_put_later(struct dbr_pages *pages);
int dbr_pages_to_sg(struct dbr_pages *pages, struct sg_table *table,
		    struct scatterlist *single, const struct dbr_limits *limits);
unsigned long dbr_pages_pfn(struct dbr_pages *pages, pgoff_t offset,
			    unsigned long *contiguous);
struct page *dbr_pages_page(struct dbr_pages *pages, pgoff_t offset);
void dbr_pages_copy(struct dbr_pages *from, struct dbr_pages *to);

/* buffer.c */
void dbr_registry_teach_lockdep(void);
u64 dbr_buffers_count(void);
u64 dbr_buffers_last(void);
struct dbr_buffer *dbr_buffer_create(const struct dmabuf_revoke_alloc *arg);
void dbr_buffer_destroy(struct dbr_buffer *buf);
void dbr_buffer_number(struct dbr_buffer *buf);
void dbr_buffer_publish(struct dbr_buffer *buf, struct dbr_owner *owner);
void dbr_buffer_forget(struct dbr_buffer *buf);
struct dbr_buffer *dbr_buffer_get(struct dbr_owner *owner, u64 id);
struct dbr_buffer *dbr_buffer_pop(struct dbr_owner *owner);
void dbr_buffer_disown(struct dbr_buffer *buf);
int dbr_buffer_ids(struct dbr_owner *owner, u64 last, u64 *ids, u32 capacity,
		   u32 *count);

/* mapping.c */
void dbr_mapping_teach_lockdep(void);
void dbr_mappings_init(struct dbr_pages *pages);
bool dbr_device_can_map(struct device *dev);
struct dbr_mapping *dbr_mapping_create(struct dbr_buffer *buf, struct device *dev);
void dbr_mapping_destroy(struct dbr_mapping *m);
int dbr_mapping_map(struct dbr_mapping *m, struct dbr_pages *pages,
		    enum dma_data_direction dir);
void dbr_mapping_unmap(struct dbr_mapping *m);
void dbr_mapping_abandon(struct dbr_mapping *m);
void dbr_mappings_sync_for_cpu(struct dbr_pages *pages);
void dbr_mappings_sync_for_device(struct dbr_pages *pages, enum dma_data_direction cpu);
void dbr_mappings_arrived(struct dbr_pages *pages);

/* dmabuf.c */
extern const struct dma_buf_ops dbr_dmabuf_ops;

/* revoke.c */
void dbr_revoke_init(struct dbr_buffer *buf);
void dbr_tell(struct dbr_buffer *buf);
void dbr_zap(struct dbr_buffer *buf);
void dbr_revoke_advance(struct dbr_buffer *buf);
int dbr_revoke(struct dbr_buffer *buf, struct dmabuf_revoke_revoke *arg);
int dbr_restore(struct dbr_buffer *buf, u64 deadline_ns);
int dbr_orphan(struct dbr_buffer *buf);
void dbr_orphan_later(struct dbr_buffer *buf);

/* move.c */
int dbr_move(struct dbr_buffer *buf, u64 *number);
int dbr_move_wait(struct dbr_buffer *buf, u64 number, u64 deadline_ns);

/* quarantine.c */
void dbr_quarantine_fill(struct dbr_pages *pages);
int dbr_quarantine_check(struct dbr_pages *pages, u64 *offsets, u32 capacity,
			 u32 *changed);

/* report.c */
struct dma_fence *dbr_unsignalled_fence(struct dbr_buffer *buf,
					enum dma_resv_usage usage);
void dbr_report(struct dbr_buffer *buf, struct dmabuf_revoke_phases *phases,
		struct dmabuf_revoke_pending *pending);
u32 dbr_blockers(struct dbr_buffer *buf, struct dmabuf_revoke_blocker *array,
		 u32 capacity);
void dbr_late_begin(struct dbr_buffer *buf);
void dbr_late_end(struct dbr_buffer *buf);
void dbr_late_work(struct work_struct *work);

#endif /* DBR_EXPORTER_H */
