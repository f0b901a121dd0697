/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test importer.
 *
 * Floors, from above: main, pci, provider, misbehave, rogue, attachment, kinds, job, channel,
 * pass, dmaengine, software, vmap, mapping, event, registry, reach, bus.
 *
 * Each file calls only those below it. What has to go up goes through what was given: the
 * callback of an attachment, a work item, hooks.
 *
 * Who refers to whom: an attachment is a file and holds one reference on the
 * dma-buf that it is attached to. It has a mapping, and beside it those that an
 * invalidation has ended and that are not unmapped yet. A mapping lives by a count: the
 * attachment refers to it until it is unmapped, each of its jobs until the job has
 * ended, and its unmap_work while it is queued or runs.
 *
 * An attachment uses a device until it is detached: when its file is closed, or when the
 * device goes. Whoever comes first does it, see device/registry.c; the file of one that is evicted
 * remains, and refuses. Who closes and must not wait for the resv lock leaves what remains to a
 * worker, with the references, and one on the module.
 *
 * A job is a dma_fence and lives by the fence's count: the attachment refers to it
 * until WAIT collects it, the engine until it has ended, and so may dma_resv objects
 * and sync_files, for as long as they like. It belongs to the mapping that it was
 * submitted for, and leads back to it and to the attachment only until it has ended;
 * closing the attachment ends all its jobs first.
 *
 * Locks, outermost first: the dma-buf's resv lock; dbi_attachment.lock; the locks of
 * fences; apart from them the lock of the devices. None is held while user memory is read
 * or written, while anything is waited for that a signal cannot end, or while the CPU reads
 * a buffer. (The callback holds the resv lock, and waits for the engine; one that is slow on
 * purpose for @closing, too, which is set without that lock.) The engine takes nothing but
 * .lock and those of fences, and before them dbi_dmaengine.lock, which is for a step of real
 * hardware, the engine's or a rogue's: so whoever holds the resv lock may wait for it. The order
 * of the first two is what dbi_attachment_teach_lockdep() teaches.
 *
 * A device that has a driver of its own is taken in, and given up, with the driver core's lock of
 * that device held, outside of all others.
 */
#ifndef DBI_IMPORTER_H
#define DBI_IMPORTER_H

#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/iosys-map.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "alloc.h"
#include "compat.h"
#include "dmabuf_revoke.h"
#include "ucmd.h"

#define DBI_MAX_JOBS	256		/* uncollected, per attachment */
#define DBI_MAX_EVENTS	64		/* unread, per attachment */
#define DBI_IO_BYTES	128		/* of I/O memory, in one go; a power of two */
#define DBI_MAX_DURATION_NS	(3600ULL * NSEC_PER_SEC)

/* One of the ways in which drivers attach. */
struct dbi_kind {
	const char *name;		/* of the fences' timeline */
	const struct dma_buf_attach_ops *ops;	/* without, with PEER2PEER; NULL: static */
	bool pins;
};

/* On behalf of what attachments are made: the importer's own, or somebody's PCI function. */
struct dbi_device {
	/* Constant. */
	struct device *dev;
	char name[DMABUF_REVOKE_DEVICE_LEN];
	u64 dma_mask;
	u32 iommu;			/* enum dmabuf_revoke_iommu */
	struct iommu_domain *domain;	/* that translates; else NULL */
	u32 engines;			/* BIT(enum dmabuf_revoke_engine) */
	bool peer2peer;

	/* The lock of the devices. */
	struct list_head node;
	struct list_head attachments;	/* dbi_attachment.on_device; none that is evicted */
	unsigned int users;		/* attachments, and those who make or end one */
	bool away;			/* it is being removed, or reset */
};

/* What the engine may do with a mapping; it only ever goes up. */
enum dbi_mapping_mode {
	DBI_MAPPING_RUN,		/* take up jobs */
	DBI_MAPPING_DRAIN,		/* end the pass that is under way */
	DBI_MAPPING_CUT,		/* end at once */
};

/* I/O memory in the kernel's address space. */
struct dbi_window {
	phys_addr_t phys;
	size_t bytes;
	void __iomem *io;
};

struct dbi_mapping {
	/* Constant. */
	struct dbi_attachment *att;
	u64 number;			/* in the attachment, from 1 */
	enum dma_data_direction dir;

	/* The resv lock; the engine may read @table for as long as a job is on it. */
	struct sg_table *table;		/* NULL: it was unmapped */
	struct list_head node;		/* att->mappings, while it is mapped */

	/* Constant while it is mapped: what of it is I/O memory; reach.c's. */
	struct dbi_window *windows;
	unsigned int nr_windows;

	/* att->lock, and to write @mode the resv lock, too; the engine peeks at it. */
	enum dbi_mapping_mode mode;
	unsigned int nr_jobs;		/* on it, that have not ended */
	unsigned int refs;

	struct delayed_work unmap_work;	/* unmaps after an invalidation */
};

/* The buffer in the kernel's address space. */
enum dbi_vmap_state {
	DBI_VMAP_NONE,
	DBI_VMAP_BUSY,			/* somebody makes it, or takes it down */
	DBI_VMAP_THERE,
};

/* Steps by which an attachment ends: all but the last by who evicts, if somebody does. */
enum dbi_end {
	DBI_END_ROGUE,			/* not of an ATTACH that has failed */
	DBI_END_MAPPINGS,
	DBI_END_DETACH,
	DBI_END_VMAP,
	DBI_ENDS
};

struct dbi_attachment {
	/* Constant once attached. */
	const struct dbi_kind *kind;
	u32 kind_id;			/* enum dmabuf_revoke_kind */
	u32 flags;			/* DMABUF_REVOKE_ATTACH_* */
	u64 misbehave;			/* DMABUF_REVOKE_MISBEHAVE_*; for misbehave.c */
	u64 delay_ns;			/* the same */
	const struct dbi_hooks *hooks;	/* NULL: it behaves */
	struct dma_buf *dmabuf;		/* a reference */
	u64 fence_context;
	char device_name[DMABUF_REVOKE_DEVICE_LEN];	/* it may be gone */

	/* Constant once attached, until it is detached. */
	struct dma_buf_attachment *attach;
	struct dbi_device *device;	/* a user of it */
	u32 engine;			/* enum dmabuf_revoke_engine; never AUTO */
	struct dbi_dmaengine *dmaengine;	/* dmaengine.c's */

	/* The lock of the devices. */
	struct list_head on_device;	/* device->attachments; if evicted who evicts has it */
	bool evicted;			/* only ever set; the engine peeks at it */
	struct completion detached;	/* by who evicted it */

	/* Whoever closes it, then @end_work, which has the attachment and the module. */
	enum dbi_end end;		/* the next step */
	struct work_struct end_work;	/* when who closes must not wait */

	/* The resv lock. */
	struct list_head mappings;	/* dbi_mapping.node; a reference each; newest first */
	bool pinned;
	bool dead;			/* pinned kind, invalidated */
	int remap_error;
	bool remaps;			/* that has failed: in the next callback */
	u64 maps;			/* number of the newest mapping */
	u64 unmaps;
	u64 invalidations;
	ktime_t invalidated_at;
	ktime_t unmapped_at;

	struct iosys_map vmap;		/* whoever made @vmap_state BUSY */
	struct work_struct vunmap_work;	/* when the one who should must not wait */

	/* Guards all of the following; the engine peeks at @closing without it. */
	spinlock_t lock;
	bool closing;			/* only ever set: no job starts, nothing is held up */
	bool gone;			/* evicted and detached; only ever set */
	enum dbi_vmap_state vmap_state;
	unsigned int nr_mappings;	/* that are not freed */
	u64 last_job;			/* its number */
	struct list_head jobs;		/* dbi_job.uncollected; a reference each */
	struct list_head queue;		/* dbi_job.node; a reference each */
	struct dbi_job *running;	/* a reference */
	bool on_bus;			/* it accesses memory */
	unsigned int nr_running;	/* jobs that have not ended */
	unsigned int nr_ended;		/* that have, and are in @jobs */
	u64 events_head;		/* sequence of the next event */
	u64 events_tail;		/* sequence of the oldest unread one */
	u64 events_lost;
	struct dmabuf_revoke_event events[DBI_MAX_EVENTS];

	struct work_struct engine_work;	/* runs @queue */
	struct dbi_rogue *rogue;	/* rogue.c's; or NULL */
	wait_queue_head_t wait;		/* for whatever @lock guards to change */
};

struct dbi_job {
	struct dma_fence fence;		/* first: dma_fence_free() frees the job */

	struct compat_fence_lock fence_lock;

	/* Constant once queued; @fence.seqno is the job's number. */
	struct dbi_attachment *att;
	struct dbi_mapping *map;	/* a reference, until it has ended */
	const struct dbi_kind *kind;
	u32 flags;			/* DMABUF_REVOKE_SUBMIT_* */
	u32 op;				/* enum dmabuf_revoke_op */
	u64 offset;
	u64 length;
	u64 dst_offset;
	u64 pattern;
	u64 duration_ns;

	struct list_head uncollected;	/* att->lock; empty: collected */
	struct list_head node;		/* att->lock */
	struct dma_fence *dep;		/* reference; to wait for; the engine's */
	struct dma_fence_cb dep_cb;

	/* Written by the engine until the fence signals, constant afterwards. */
	int status;
	u32 crc32;
	u64 passes;			/* read while it runs, too */
	u64 changed;
	ktime_t started;
	ktime_t ended;
};

/* A DMA address; @marked by the exporter: one of the PCI bus, which no IOMMU translates. */
struct dbi_place {
	dma_addr_t addr;
	bool marked;
};

/* What is moved at once: on either side it lies in one page, and in one segment. */
struct dbi_piece {
	struct dbi_place from;		/* WRITE: to */
	struct dbi_place to;		/* COPY */
	u64 offset;			/* of @from in the buffer */
	size_t bytes;			/* where there is I/O memory DBI_IO_BYTES at most */
};

/*
 * Whether it has to end in the midst of a pass. Nothing is concluded from either but that:
 * who has set them waits for the end under the lock, dbi_engine_is_off(), dbi_engine_has_ended().
 */
static inline bool dbi_job_is_cut(const struct dbi_job *job)
{
	return READ_ONCE(job->map->mode) == DBI_MAPPING_CUT ||
	       READ_ONCE(job->att->closing);
}

/* Whether its engine is dmaengine.c, which a kernel without DMA engines is built without. */
static inline bool dbi_is_real(const struct dbi_attachment *att)
{
	return IS_ENABLED(CONFIG_DMA_ENGINE) &&
	       att->engine == DMABUF_REVOKE_ENGINE_DMAENGINE;
}

/* device/pci.c */
extern struct pci_driver dbi_pci_driver;

/* device/provider.c */
int dbi_providers_init(void);
int dbi_providers_look(void);
void dbi_providers_exit(void);

/* misbehave.c */
const struct dbi_hooks *
dbi_misbehave_hooks(struct dma_buf *dmabuf, const struct dbi_device *device,
		    const struct dmabuf_revoke_attach *arg);

/* rogue.c */
extern struct workqueue_struct *dbi_signal_wq;	/* made by main.c */
int dbi_rogue_create(struct dbi_attachment *att);
void dbi_rogue_fence_after(struct dbi_attachment *att);
void dbi_rogue_aim(struct dbi_mapping *map);
void dbi_rogue_dma(struct dbi_attachment *att);
void dbi_rogue_end_fence(struct dbi_attachment *att);
void dbi_rogue_add_fence(struct dbi_attachment *att);
void dbi_rogue_leave_fence(struct dbi_attachment *att);
void dbi_rogue_destroy(struct dbi_attachment *att);

/* attachment.c */
extern struct workqueue_struct *dbi_end_wq;	/* made by main.c */
extern atomic64_t dbi_nr_attachments;
extern const struct file_operations dbi_attachment_fops;
struct dbi_attachment *
dbi_attachment_create(struct dma_buf *dmabuf, struct dbi_device *device,
		      const struct dmabuf_revoke_attach *arg,
		      const struct dbi_hooks *hooks);
int dbi_attachment_teach_lockdep(void);
void dbi_attachment_destroy(struct dbi_attachment *att);
void dbi_attachments_evict(struct dbi_device *device);

/* kinds.c */
const struct dbi_kind *dbi_kind_find(u32 id);

/* job.c */
int dbi_job_submit(struct ucmd *ucmd);
int dbi_job_wait(struct ucmd *ucmd);
void dbi_jobs_free(struct dbi_attachment *att);

/* engine/pass.c */
int dbi_pass(struct dbi_job *job, u32 *crc);

/* engine/dmaengine.c */
int dbi_dmaengine_open(struct dbi_attachment *att);
int dbi_dmaengine_transfer(struct dbi_job *job, const struct dbi_piece *piece,
			   u32 *crc);
void dbi_dmaengine_write(struct dbi_attachment *att, dma_addr_t addr, u64 word);
void dbi_dmaengine_close(struct dbi_attachment *att);

/* engine/software.c */
void dbi_fill(u8 *to, size_t bytes, u64 offset, u64 pattern);
int dbi_software_transfer(struct dbi_job *job, const struct dbi_piece *piece,
			  u32 *crc);

/* engine/channel.c */
extern struct workqueue_struct *dbi_engine_wq;	/* made by main.c */
extern atomic64_t dbi_nr_jobs;			/* that have not ended */
bool dbi_engine_claim(void);
void dbi_engine_queue(struct dbi_job *job);
void dbi_engine_status(struct dbi_attachment *att, u64 *running, u64 *passes);
void dbi_engine_drain(struct dbi_mapping *map);
void dbi_engine_cut(struct dbi_mapping *map);
void dbi_engine_stop(struct dbi_attachment *att);
void dbi_engine_close(struct dbi_attachment *att);
void dbi_engine_end(struct dbi_attachment *att);
void dbi_engine_work(struct work_struct *work);

/* vmap.c */
int dbi_vmap(struct ucmd *ucmd);
int dbi_vunmap(struct ucmd *ucmd);
void dbi_vunmap_work(struct work_struct *work);
void dbi_vmap_end(struct dbi_attachment *att);

/* mapping.c */
extern struct workqueue_struct *dbi_unmap_wq;	/* made by main.c */
struct dbi_mapping *dbi_mapping_newest(struct dbi_attachment *att);
bool dbi_mapping_runs(const struct dbi_mapping *map);
int dbi_mapping_create(struct dbi_attachment *att, enum dma_data_direction dir);
void dbi_mapping_put_locked(struct dbi_mapping *map);
void dbi_mapping_settle(struct dbi_mapping *map);
bool dbi_mapping_is_busy(struct dbi_mapping *map);
void dbi_mapping_unmap(struct dbi_mapping *map);
int dbi_mapping_release(struct dbi_attachment *att, struct dbi_mapping *map);
void dbi_mappings_end(struct dbi_attachment *att);
bool dbi_mappings_are_gone(struct dbi_attachment *att);
int dbi_segments(struct ucmd *ucmd);

/* event.c */
void dbi_event_locked(struct dbi_attachment *att, u32 type, u64 number,
		      int status);
void dbi_event(struct dbi_attachment *att, u32 type, u64 number);
ssize_t dbi_events_read(struct file *file, char __user *ubuf, size_t len,
			loff_t *pos);
__poll_t dbi_events_poll(struct file *file, poll_table *wait);

/* device/registry.c */
struct dbi_device *dbi_device_add(struct device *dev, u32 engines);
struct dbi_device *dbi_device_provider(const struct device *dev);
void dbi_device_remove(struct dbi_device *device);
struct dbi_device *dbi_device_get(const char *name);
void dbi_device_hold(struct dbi_device *device);
void dbi_device_put(struct dbi_device *device);
int dbi_device_enter(struct dbi_attachment *att);
bool dbi_device_leave(struct dbi_attachment *att);
void dbi_device_evict(struct dbi_device *device, struct list_head *evicted);
void dbi_device_return(struct dbi_device *device);
void dbi_device_await_users(struct dbi_device *device);
u32 dbi_devices_list(struct dmabuf_revoke_device *out, u32 room);

/* engine/reach.c */
int dbi_reach_open(struct dbi_mapping *map);
void dbi_reach_close(struct dbi_mapping *map);
bool dbi_reach(const struct dbi_mapping *map, const struct dbi_place *place,
	       struct iosys_map *at);
void dbi_reach_done(struct iosys_map *at);

/* engine/bus.c */
bool dbi_bus_is_memory(phys_addr_t phys, size_t bytes);
phys_addr_t dbi_bus_phys(const struct dbi_device *device, dma_addr_t addr,
			 bool marked);
void *dbi_bus_kmap(phys_addr_t phys);
int dbi_bus_check(struct device *dev);

#endif /* DBI_IMPORTER_H */
