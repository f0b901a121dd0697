// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping for the device, from map to unmap. What is left over from an earlier one,
 * a job or an unmap, belongs to that one and cannot touch another.
 */

#include <linux/capability.h>
#include <linux/dma-resv.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "hooks.h"
#include "importer.h"
#include "trace.h"

/* Not the engine's: unmapping waits for the resv lock, whose holder may wait for that. */
struct workqueue_struct *dbi_unmap_wq;

/* The mapping that the next job is for, unless it has ended; NULL: not mapped. */
struct dbi_mapping *dbi_mapping_newest(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	return list_first_entry_or_null(&att->mappings, struct dbi_mapping, node);
}

/* Whether no invalidation has ended it. */
bool dbi_mapping_runs(const struct dbi_mapping *map)
{
	return READ_ONCE(map->mode) == DBI_MAPPING_RUN;
}

/* Whether it has jobs that have not signalled their fences. */
bool dbi_mapping_is_busy(struct dbi_mapping *map)
{
	bool busy;

	spin_lock(&map->att->lock);
	busy = map->nr_jobs;
	spin_unlock(&map->att->lock);
	return busy;
}

void dbi_mapping_put_locked(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;

	lockdep_assert_held(&att->lock);

	if (--map->refs)
		return;
	kfree(map);
	att->nr_mappings--;
	wake_up_all(&att->wait);
}

static void dbi_mapping_put(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;

	spin_lock(&att->lock);
	dbi_mapping_put_locked(map);
	spin_unlock(&att->lock);
}

/**
 * dbi_mapping_settle - have it unmapped, if that is due
 * @map: the mapping; an invalidation has just ended it, or its last job has ended
 *
 * It has to go once both is so, which becomes true once. Then all its fences have
 * signalled, and nobody waits for us to be quick. The device that was cut off does not
 * come here: its callback unmaps.
 */
void dbi_mapping_settle(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;

	lockdep_assert_held(&att->lock);

	if (map->mode != DBI_MAPPING_DRAIN || map->nr_jobs)
		return;
	map->refs++;
	queue_delayed_work(dbi_unmap_wq, &map->unmap_work, dbi_unmap_delay(att));
}

/* Consumes the attachment's reference. */
void dbi_mapping_unmap(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;

	dma_resv_assert_held(att->dmabuf->resv);

	dbi_before_unmap(map);
	dbi_reach_close(map);
	dma_buf_unmap_attachment(att->attach, map->table, map->dir);
	map->table = NULL;
	trace_dbi_unmap(map);
	list_del(&map->node);
	att->unmaps++;
	att->unmapped_at = ktime_get();
	dbi_event(att, DMABUF_REVOKE_EVENT_UNMAPPED, map->number);

	/* If it is queued. If it runs already it waits for the lock that we hold. */
	if (map->mode == DBI_MAPPING_DRAIN && cancel_delayed_work(&map->unmap_work))
		dbi_mapping_put(map);
	dbi_mapping_put(map);
}

/**
 * dbi_mapping_release - release what an invalidation asks for
 * @att: the attachment
 * @map: a mapping that no job uses any more; NULL: there was none
 *
 * Return: 0, or -EBUSY: it keeps all.
 */
int dbi_mapping_release(struct dbi_attachment *att, struct dbi_mapping *map)
{
	int ret;

	dma_resv_assert_held(att->dmabuf->resv);

	ret = dbi_before_release(att);
	if (ret)
		return ret;
	if (map)
		dbi_mapping_unmap(map);
	if (att->dead && att->pinned && dbi_unpins(att)) {
		dma_buf_unpin(att->attach);
		att->pinned = false;
		trace_dbi_unpin(att, att->attach);
	}
	dbi_after_release(att);
	return 0;
}

static void dbi_unmap_work(struct work_struct *work)
{
	struct dbi_mapping *map = container_of(to_delayed_work(work),
					       struct dbi_mapping, unmap_work);
	struct dma_resv *resv = map->att->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	/* UNMAP may have been quicker. */
	if (map->table)
		dbi_mapping_release(map->att, map);
	dma_resv_unlock(resv);
	dbi_mapping_put(map);
}

static struct dbi_mapping *dbi_mapping_alloc(struct dbi_attachment *att,
					     enum dma_data_direction dir)
{
	struct dbi_mapping *map = kzalloc_obj(*map, GFP_CALLER);

	if (!map)
		return NULL;
	map->att = att;
	map->number = att->maps + 1;
	map->dir = dir;
	map->refs = 1;
	INIT_DELAYED_WORK(&map->unmap_work, dbi_unmap_work);
	return map;
}

/* Unless an errno is returned the mapping has its table, and the engine reaches what is there. */
static int dbi_map_once(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;
	u64 before = att->invalidations;
	struct sg_table *table = dma_buf_map_attachment(att->attach, map->dir);
	int ret = 0;

	if (IS_ERR(table))
		return PTR_ERR(table);
	map->table = table;
	if (att->engine != DMABUF_REVOKE_ENGINE_NONE)
		ret = dbi_reach_open(map);
	if (!ret && att->invalidations != before && dbi_maps_anew(att))
		ret = att->dead ? -ENODEV : -EAGAIN;
	if (!ret)
		return 0;
	dbi_reach_close(map);
	dma_buf_unmap_attachment(att->attach, table, map->dir);
	return ret;
}

/*
 * An exporter may move the buffer, and so invalidate, when it is mapped. Whether the table is
 * of the memory before or of that after nobody can say: once more, and then -EAGAIN. Who always
 * invalidates is not asked for ever.
 */
static int dbi_map(struct dbi_mapping *map)
{
	int ret = dbi_map_once(map);

	return ret == -EAGAIN ? dbi_map_once(map) : ret;
}

/**
 * dbi_mapping_create - map for the device; jobs may run from then on
 * @att: the attachment
 * @dir: who writes
 *
 * Return: 0, -EAGAIN, -EBUSY, -EINTR, -ENODEV, -ENOMEM, -EOPNOTSUPP, what the hook says, or what
 * the exporter returns.
 */
int dbi_mapping_create(struct dbi_attachment *att, enum dma_data_direction dir)
{
	struct dbi_mapping *map = dbi_mapping_newest(att);
	int ret;

	/* The callback may come while the file is being closed, or the device goes. */
	if (att->dead || READ_ONCE(att->closing))
		return -ENODEV;
	if (map && dbi_mapping_runs(map))
		return -EBUSY;
	ret = dbi_before_map(att);
	if (ret)
		return ret;

	map = dbi_mapping_alloc(att, dir);
	if (!map)
		return -ENOMEM;
	ret = dbi_map(map);
	trace_dbi_map(map, ret);
	if (ret) {
		kfree(map);
		return ret;
	}

	list_add(&map->node, &att->mappings);
	att->maps++;
	spin_lock(&att->lock);
	att->nr_mappings++;
	dbi_event_locked(att, DMABUF_REVOKE_EVENT_MAPPED, map->number, 0);
	spin_unlock(&att->lock);
	return 0;
}

/* Also those that an invalidation has ended: their works need the resv lock. */
bool dbi_mappings_are_gone(struct dbi_attachment *att)
{
	bool gone;

	spin_lock(&att->lock);
	gone = !att->nr_mappings;
	spin_unlock(&att->lock);
	return gone;
}

/* Unmaps all, whatever the hooks would keep. No job is left, and none comes: closing is set. */
void dbi_mappings_end(struct dbi_attachment *att)
{
	struct dbi_mapping *map;

	dma_resv_lock(att->dmabuf->resv, NULL);
	while ((map = dbi_mapping_newest(att)))
		dbi_mapping_unmap(map);
	if (att->pinned) {
		dma_buf_unpin(att->attach);
		trace_dbi_unpin(att, att->attach);
	}
	att->pinned = false;
	dma_resv_unlock(att->dmabuf->resv);
}

/* How many segments there are; of so many, @out says what they are. 0, or -EINTR. */
static int dbi_segments_list(struct dbi_mapping *map,
			     struct dmabuf_revoke_segment *out, u32 room, u32 *count)
{
	const struct dbi_device *device = map->att->device;
	struct scatterlist *sg;
	phys_addr_t phys;
	int i;

	dma_resv_assert_held(map->att->dmabuf->resv);

	*count = 0;
	for_each_sgtable_dma_sg(map->table, sg, i) {
		/* There may be a million, and an IOMMU is asked for each. */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if ((*count)++ >= room)
			continue;
		out->address = sg_dma_address(sg);
		out->length = sg_dma_len(sg);
		if (sg_dma_is_bus_address(sg))
			out->flags |= DMABUF_REVOKE_SEGMENT_BUS;
		phys = dbi_bus_phys(device, out->address,
				    sg_dma_is_bus_address(sg));
		if (phys && dbi_bus_is_memory(phys, 1))
			out->flags |= DMABUF_REVOKE_SEGMENT_MEMORY;
		out++;
	}
	return 0;
}

/* As dbi_segments_list(), of the mapping that there is now. */
static int dbi_segments_of(struct dbi_attachment *att,
			   struct dmabuf_revoke_segment *out, u32 room, u32 *count)
{
	struct dbi_mapping *map;
	int ret = -ENXIO;

	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	map = dbi_mapping_newest(att);
	if (map)
		ret = dbi_segments_list(map, out, room, count);
	dma_resv_unlock(att->dmabuf->resv);
	return ret;
}

/* Each time that there are more than before another mapping has been made meanwhile. */
static int dbi_segments_collect(struct dbi_attachment *att,
				struct dmabuf_revoke_segments *arg,
				struct dmabuf_revoke_segment **out)
{
	u32 room = 0;
	int ret;

	for (;;) {
		ret = dbi_segments_of(att, *out, room, &arg->count);
		if (ret || room >= min(arg->capacity, arg->count))
			return ret;
		room = min(arg->capacity, arg->count);
		kvfree(*out);
		*out = kvcalloc(room, sizeof(**out), GFP_CALLER);
		if (!*out)
			return -ENOMEM;
	}
}

/* DMABUF_REVOKE_IOC_SEGMENTS */
int dbi_segments(struct ucmd *ucmd)
{
	struct dmabuf_revoke_segments *arg = ucmd->arg;
	struct dmabuf_revoke_segment *segments = NULL;
	int ret;

	if (arg->flags)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;

	ret = dbi_segments_collect(ucmd->file->private_data, arg, &segments);
	if (!ret)
		ret = ucmd_copy_array(arg->segments, segments,
				      array_size(min(arg->capacity, arg->count),
						 sizeof(*segments)));
	kvfree(segments);
	return ret ?: ucmd_respond(ucmd);
}
