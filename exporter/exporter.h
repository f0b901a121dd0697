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
 * any more, whichever comes last.
 *
 * Locks, outermost first: the registry lock; the dma-buf's resv lock. The two
 * are never held together.
 */
#ifndef DBR_EXPORTER_H
#define DBR_EXPORTER_H

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "dmabuf_revoke.h"

/* A run of physically contiguous pages, one (compound) allocation. */
struct dbr_chunk {
	struct page *page;
	pgoff_t start;			/* offset in the buffer, in pages */
};

/* The pages behind a buffer; constant while it is in use. */
struct dbr_pages {
	struct dbr_chunk *chunks;	/* ascending by start */
	unsigned int nr_chunks;
	pgoff_t nr_pages;
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
	struct dbr_pages pages;

	/* Registry lock. */
	struct dbr_owner *owner;	/* NULL once its file is closed */
	struct list_head owned;

	/*
	 * The resv lock. Readers without it may see LIVE for a moment too long,
	 * and must not act on that; REVOKED, once seen, is final.
	 */
	enum dmabuf_revoke_state state;
	bool orphaned;
	unsigned int maps;		/* attachments that hold a mapping */
	unsigned int legacy_maps;	/* those that cannot be told */
	unsigned int pins;
	struct dma_fence *fence;	/* what the revoke waits for; a reference */
	ktime_t began;			/* ends of the phases; 0: not yet */
	ktime_t told;
	ktime_t zapped;
	ktime_t fenced;
	ktime_t unmapped;

	struct dma_fence_cb fence_cb;	/* armed while fence is set */
	struct work_struct fence_work;	/* fence has signalled */
	struct work_struct put_work;	/* drops the owner's reference */
	wait_queue_head_t wait;		/* for state to become REVOKED */
};

/* What an attachment costs us; dma_buf_attachment.priv. */
struct dbr_attachment {
	struct sg_table table;		/* from attach on, so map allocates nothing */
	bool revocable;

	/* The resv lock. */
	bool mapped;
	enum dma_data_direction dir;
	unsigned int pins;
};

extern struct workqueue_struct *dbr_wq;

/* pages.c */
int dbr_pages_alloc(struct dbr_pages *pages, pgoff_t nr_pages);
void dbr_pages_free(struct dbr_pages *pages);
int dbr_pages_to_sg(const struct dbr_pages *pages, struct sg_table *table);
unsigned long dbr_pages_pfn(const struct dbr_pages *pages, pgoff_t offset,
			    unsigned long *contiguous);

/* buffer.c */
u64 dbr_buffers_limit(void);
void dbr_buffers_usage(u64 *count, u64 *bytes);
struct dbr_buffer *dbr_buffer_create(u64 length, u32 flags, u32 fd_flags);
void dbr_buffer_destroy(struct dbr_buffer *buf);
int dbr_buffer_reserve_id(struct dbr_buffer *buf);
void dbr_buffer_unreserve_id(struct dbr_buffer *buf);
void dbr_buffer_publish(struct dbr_buffer *buf, struct dbr_owner *owner);
void dbr_buffer_forget(struct dbr_buffer *buf);
struct dbr_buffer *dbr_buffer_get(struct dbr_owner *owner, u64 id);
struct dbr_buffer *dbr_buffer_pop(struct dbr_owner *owner);
u32 dbr_buffer_ids(struct dbr_owner *owner, u64 *ids, u32 capacity);

/* dmabuf.c */
extern const struct dma_buf_ops dbr_dmabuf_ops;

/* revoke.c */
void dbr_revoke_init(struct dbr_buffer *buf);
void dbr_revoke_advance(struct dbr_buffer *buf);
int dbr_revoke(struct dbr_buffer *buf, u64 deadline_ns, bool *already);
void dbr_revoke_orphan(struct dbr_buffer *buf);
void dbr_revoke_report(struct dbr_buffer *buf,
		       struct dmabuf_revoke_phases *phases,
		       struct dmabuf_revoke_pending *pending);

#endif /* DBR_EXPORTER_H */
