/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Points in the life of an attachment. Without hooks each is what an importer owes, and
 * code to copy may leave them out. Deliberate bugs hook in here, and nowhere else: see
 * misbehave.c, which alone decides.
 */
#ifndef DBI_HOOKS_H
#define DBI_HOOKS_H

#include <linux/dma-resv.h>

#include "importer.h"

/*
 * All are there. Each is described where it is called from, below. What is called under
 * att->lock does not sleep, before_signal takes no resv lock.
 */
struct dbi_hooks {
	int (*before_attach)(struct dbi_attachment *att);
	bool (*heeds_invalidation)(struct dbi_attachment *att);
	int (*before_map)(struct dbi_attachment *att);
	bool (*maps_anew)(struct dbi_attachment *att);
	bool (*tries_again)(struct dbi_attachment *att, ktime_t since);
	u64 (*begins_at)(struct dbi_attachment *att, u64 offset);
	bool (*walks_table)(struct dbi_attachment *att);
	bool (*awaits_fences)(struct dbi_attachment *att);
	enum dma_resv_usage (*fence_usage)(struct dbi_attachment *att,
					   enum dma_resv_usage usage);
	bool (*starts_job_late)(struct dbi_attachment *att);
	int (*before_signal)(struct dbi_attachment *att, int status);
	bool (*holds_fence)(struct dbi_attachment *att);
	unsigned long (*unmap_delay)(struct dbi_attachment *att);
	int (*before_release)(struct dbi_attachment *att);
	void (*before_unmap)(struct dbi_mapping *map);
	bool (*unpins)(struct dbi_attachment *att);
	void (*after_release)(struct dbi_attachment *att);
	void (*jobs_ended)(struct dbi_attachment *att);
	void (*before_detach)(struct dbi_attachment *att);
	void (*after_detach)(struct dbi_attachment *att);
};

static inline bool dbi_is_hooked(const struct dbi_attachment *att)
{
	return unlikely(att->hooks);
}

/* The attachment is complete. 0, or why it is not to attach. */
static inline int dbi_before_attach(struct dbi_attachment *att)
{
	return dbi_is_hooked(att) ? att->hooks->before_attach(att) : 0;
}

/* In the callback; whether it goes on. Resv lock. */
static inline bool dbi_heeds_invalidation(struct dbi_attachment *att)
{
	return !dbi_is_hooked(att) || att->hooks->heeds_invalidation(att);
}

/* 0, or why it is not to map. Resv lock. */
static inline int dbi_before_map(struct dbi_attachment *att)
{
	return dbi_is_hooked(att) ? att->hooks->before_map(att) : 0;
}

/* Invalidated in the midst of mapping. Whether what it got is given back. Resv lock. */
static inline bool dbi_maps_anew(struct dbi_attachment *att)
{
	return !dbi_is_hooked(att) || att->hooks->maps_anew(att);
}

/* A call has failed that began at @since. Whether it begins anew. */
static inline bool dbi_tries_again(struct dbi_attachment *att, ktime_t since)
{
	return dbi_is_hooked(att) && att->hooks->tries_again(att, since);
}

/* Where a job begins that is to begin at @offset. */
static inline u64 dbi_begins_at(struct dbi_attachment *att, u64 offset)
{
	return dbi_is_hooked(att) ? att->hooks->begins_at(att, offset) : offset;
}

/* Whether the engine goes from segment to segment. Else it stays in the first. */
static inline bool dbi_walks_table(struct dbi_attachment *att)
{
	return !dbi_is_hooked(att) || att->hooks->walks_table(att);
}

/* Whether a job that is submitted waits for those of others. Resv lock. */
static inline bool dbi_awaits_fences(struct dbi_attachment *att)
{
	return !dbi_is_hooked(att) || att->hooks->awaits_fences(att);
}

/* What the usage of its own fence is, which is to be @usage. Resv lock. */
static inline enum dma_resv_usage dbi_fence_usage(struct dbi_attachment *att,
						  enum dma_resv_usage usage)
{
	return dbi_is_hooked(att) ? att->hooks->fence_usage(att, usage) : usage;
}

/* Whether a job starts on a mapping that drains. With att->lock or without. */
static inline bool dbi_starts_job_late(struct dbi_attachment *att)
{
	return dbi_is_hooked(att) && att->hooks->starts_job_late(att);
}

/* The DMA of a job is done; the status that its fence is to have. In the engine. */
static inline int dbi_before_signal(struct dbi_attachment *att, int status)
{
	return dbi_is_hooked(att) ? att->hooks->before_signal(att, status) :
				    status;
}

/* Whether that takes its time, so that nobody waits for it. Under att->lock. */
static inline bool dbi_holds_fence(struct dbi_attachment *att)
{
	return dbi_is_hooked(att) && att->hooks->holds_fence(att);
}

/* A mapping that drained is due to be unmapped; in how many jiffies. Under att->lock. */
static inline unsigned long dbi_unmap_delay(struct dbi_attachment *att)
{
	return dbi_is_hooked(att) ? att->hooks->unmap_delay(att) : 0;
}

/* An invalidation asks for all. 0, or -EBUSY: the attachment keeps it. Resv lock. */
static inline int dbi_before_release(struct dbi_attachment *att)
{
	return dbi_is_hooked(att) ? att->hooks->before_release(att) : 0;
}

/* Resv lock. */
static inline void dbi_before_unmap(struct dbi_mapping *map)
{
	if (dbi_is_hooked(map->att))
		map->att->hooks->before_unmap(map);
}

/* Whether the pin goes with the mapping. Resv lock. */
static inline bool dbi_unpins(struct dbi_attachment *att)
{
	return !dbi_is_hooked(att) || att->hooks->unpins(att);
}

/* All was done that an invalidation asks for. Resv lock. */
static inline void dbi_after_release(struct dbi_attachment *att)
{
	if (dbi_is_hooked(att))
		att->hooks->after_release(att);
}

/*
 * The engine is closed. What follows may wait for the resv lock, which an exporter may
 * hold until our fences signal.
 */
static inline void dbi_jobs_ended(struct dbi_attachment *att)
{
	if (dbi_is_hooked(att))
		att->hooks->jobs_ended(att);
}

/*
 * So is that of each other attachment of a device that goes: this may take the resv lock. An
 * ATTACH that fails does not come here.
 */
static inline void dbi_before_detach(struct dbi_attachment *att)
{
	if (dbi_is_hooked(att))
		att->hooks->before_detach(att);
}

/* It is detached, or never was attached. */
static inline void dbi_after_detach(struct dbi_attachment *att)
{
	if (dbi_is_hooked(att))
		att->hooks->after_detach(att);
}

#endif /* DBI_HOOKS_H */
