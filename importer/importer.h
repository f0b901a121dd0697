/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test importer.
 *
 * Who refers to whom: an attachment is a file and holds one reference on the
 * dma-buf that it is attached to. A job is a dma_fence and lives by the fence's
 * count: the attachment refers to it until WAIT collects it, the engine until it
 * has ended, and so may dma_resv objects and sync_files, for as long as they like.
 * A job leads back to its attachment only until it has ended; closing the
 * attachment ends all its jobs first.
 *
 * Locks, outermost first: dbi_attachment.submit_lock, or .vmap_lock; the dma-buf's
 * resv lock; dbi_attachment.lock. Only .read_lock is held when user memory is
 * written, and it is held with none of the others but .lock. The engine runs jobs
 * without any of those outside .lock, so an exporter's callback may wait for it.
 * dbi_attachment_teach_lockdep() says the same to lockdep.
 */
#ifndef DBI_IMPORTER_H
#define DBI_IMPORTER_H

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/iosys-map.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat.h"
#include "dmabuf_revoke.h"
#include "ucmd.h"

#define DBI_MAX_JOBS	256		/* uncollected, per attachment */
#define DBI_MAX_EVENTS	64		/* unread, per attachment */
#define DBI_MAX_DURATION_NS	(3600ULL * NSEC_PER_SEC)

/* One of the ways in which drivers attach. */
struct dbi_kind {
	const char *name;		/* of the fences' timeline */
	const struct dma_buf_attach_ops *ops;	/* NULL: a static attachment */
	bool pins;
};

/* What the engine may do; it only ever goes up, until the next map. */
enum dbi_engine_mode {
	DBI_ENGINE_RUN,			/* take up jobs */
	DBI_ENGINE_DRAIN,		/* end the pass that is under way */
	DBI_ENGINE_CUT,			/* end at once */
	DBI_ENGINE_CLOSE,		/* and hold back no fence */
};

struct dbi_attachment {
	/* Constant once attached. */
	const struct dbi_kind *kind;
	u32 kind_id;			/* enum dmabuf_revoke_kind */
	u32 flags;			/* DMABUF_REVOKE_ATTACH_* */
	u64 misbehave;			/* DMABUF_REVOKE_MISBEHAVE_* */
	u64 delay_ns;
	struct dma_buf *dmabuf;		/* a reference */
	struct dma_buf_attachment *attach;
	u64 fence_context;

	/* The resv lock. */
	struct sg_table *table;		/* NULL: not mapped */
	enum dma_data_direction dir;
	bool invalid;			/* the mapping has to go */
	bool pinned;
	bool dead;			/* pinned kind, invalidated */
	int remap_error;
	u64 maps;
	u64 unmaps;
	u64 invalidations;
	ktime_t invalidated_at;
	ktime_t unmapped_at;

	struct mutex vmap_lock;		/* vmap, vunmap; outside the resv lock */
	struct iosys_map vmap;		/* vmap_lock; null: not vmapped */

	struct mutex submit_lock;	/* jobs are queued in order of number */
	u64 last_job;			/* submit_lock */
	struct xarray jobs;		/* its own lock; a reference each */

	/* Guards all of the following; the engine peeks at @mode without it. */
	spinlock_t lock;
	enum dbi_engine_mode mode;
	struct list_head queue;		/* dbi_job.node; a reference each */
	struct dbi_job *running;	/* a reference */
	bool released;			/* it accesses memory no more */
	unsigned int nr_running;	/* jobs that have not ended */
	unsigned int nr_ended;		/* that have, and are in @jobs */
	u64 events_head;		/* sequence of the next event */
	u64 events_tail;		/* sequence of the oldest unread one */
	u64 events_lost;
	struct dmabuf_revoke_event events[DBI_MAX_EVENTS];

	struct work_struct engine_work;	/* runs @queue */
	struct delayed_work unmap_work;	/* unmaps after an invalidation */
	struct mutex read_lock;		/* one reader takes events at a time */
	struct dbi_rogue *rogue;	/* of some misbehaviours; else NULL */
	wait_queue_head_t wait;		/* for whatever @lock guards to change */
};

struct dbi_job {
	struct dma_fence fence;		/* first: dma_fence_free() frees the job */

	struct compat_fence_lock fence_lock;

	/* Constant once queued; @fence.seqno is the job's number. */
	struct dbi_attachment *att;
	const struct dbi_kind *kind;
	u32 flags;			/* DMABUF_REVOKE_SUBMIT_* */
	u32 op;				/* enum dmabuf_revoke_op */
	u64 offset;
	u64 length;
	u64 dst_offset;
	u64 pattern;
	u64 duration_ns;

	struct list_head node;		/* att->lock */
	bool cancelled;			/* att->lock; not to be started any more */
	struct dma_fence *dep;		/* reference; to wait for; the engine's */
	struct dma_fence_cb dep_cb;

	/* Written by the engine until @done, constant afterwards. */
	bool done;
	int status;
	u32 crc32;
	u64 passes;			/* read while it runs, too */
	u64 changed;
	ktime_t started;
	ktime_t ended;
};

extern struct device *dbi_device;
extern struct workqueue_struct *dbi_engine_wq;
extern struct workqueue_struct *dbi_unmap_wq;
extern atomic64_t dbi_nr_attachments;
extern atomic64_t dbi_nr_jobs;		/* that have not ended */

/* kinds.c */
const struct dbi_kind *dbi_kind_find(u32 id);

/* Whether the attachment has this deliberate bug. */
static inline bool dbi_misbehaves(const struct dbi_attachment *att, u64 how)
{
	return unlikely(att->misbehave & how);
}

/* misbehave.c */
int dbi_misbehave_check(struct dma_buf *dmabuf,
			const struct dmabuf_revoke_attach *arg);
int dbi_misbehave_begin(struct dbi_attachment *att);
void dbi_misbehave_told(struct dbi_attachment *att);
void dbi_misbehave_unmap(struct dbi_attachment *att);
void dbi_misbehave_let_go(struct dbi_attachment *att);
void dbi_misbehave_end(struct dbi_attachment *att);

/* vmap.c */
int dbi_vmap(struct ucmd *ucmd);
int dbi_vunmap(struct ucmd *ucmd);
void dbi_vmap_end(struct dbi_attachment *att);

/* engine.c */
void dbi_engine_store(dma_addr_t addr, u64 value);
bool dbi_engine_reaches(struct sg_table *table, size_t size);
int dbi_engine_check(void);
void dbi_engine_start(struct dbi_attachment *att);
void dbi_engine_queue(struct dbi_job *job);
bool dbi_engine_busy(struct dbi_attachment *att);
void dbi_engine_status(struct dbi_attachment *att, u64 *running, u64 *passes);
bool dbi_engine_drain(struct dbi_attachment *att);
void dbi_engine_cut(struct dbi_attachment *att);
void dbi_engine_close(struct dbi_attachment *att);
void dbi_engine_work(struct work_struct *work);

/* job.c */
int dbi_job_submit(struct ucmd *ucmd);
int dbi_job_wait(struct ucmd *ucmd);
void dbi_job_end(struct dbi_job *job, int status);
void dbi_jobs_free(struct dbi_attachment *att);

/* event.c */
void dbi_event_locked(struct dbi_attachment *att, u32 type, u64 job, int status);
void dbi_event(struct dbi_attachment *att, u32 type);
ssize_t dbi_events_read(struct file *file, char __user *ubuf, size_t len,
			loff_t *pos);
__poll_t dbi_events_poll(struct file *file, poll_table *wait);

/* attachment.c */
extern const struct file_operations dbi_attachment_fops;
struct dbi_attachment *
dbi_attachment_create(struct dma_buf *dmabuf,
		      const struct dmabuf_revoke_attach *arg);
int dbi_attachment_teach_lockdep(void);
void dbi_attachment_destroy(struct dbi_attachment *att);
int dbi_attachment_map(struct dbi_attachment *att, enum dma_data_direction dir);
void dbi_attachment_let_go(struct dbi_attachment *att);
void dbi_attachment_queue_unmap(struct dbi_attachment *att);

#endif /* DBI_IMPORTER_H */
