// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of the pages for devices. Each has a table of its own, so that an attachment
 * can map anew while an earlier mapping, which a move or a suspension has ended, waits to
 * be unmapped.
 *
 * Where DMA is bounced, or does not look into the caches of the CPUs, what one side writes
 * is seen by the other only after a synchronisation. SYNC does that for a user. A move does
 * it for itself, twice: what devices have written goes to the old pages before they are
 * copied, and what was copied goes to the devices that have mapped the new ones meanwhile.
 *
 * The move cannot take the resv lock, whose holders may wait for the move's fence. So pages
 * list their mappings under a lock of their own, the sync_lock. It is taken inside of the
 * resv lock, by map and unmap, and in the signalling path of the fence. Hence nothing is
 * waited for and nothing allocated under it that could reclaim. What the DMA API does there
 * may be called in an interrupt.
 */

#include <linux/dma-mapping.h>
#include <linux/kmemleak.h>
#include <linux/minmax.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "exporter.h"
#include "faults.h"

/**
 * dbr_mapping_teach_lockdep - take the locks once, in their order
 *
 * Otherwise lockdep would report an inversion only once there had been both a move and
 * what does not go with it.
 */
void __init dbr_mapping_teach_lockdep(void)
{
	struct dbr_pages pages;
	struct dma_resv resv;
	bool cookie;

	if (!IS_ENABLED(CONFIG_PROVE_LOCKING))
		return;
	dbr_pages_init_sync(&pages);
	dma_resv_init(&resv);

	dma_resv_lock(&resv, NULL);
	mutex_lock(&pages.sync_lock);
	mutex_unlock(&pages.sync_lock);
	dma_resv_unlock(&resv);

	cookie = dma_fence_begin_signalling();
	mutex_lock(&pages.sync_lock);
	mutex_unlock(&pages.sync_lock);
	dma_fence_end_signalling(cookie);

	dma_resv_fini(&resv);
	mutex_destroy(&pages.sync_lock);
}

static size_t dbr_segment_size(struct device *dev)
{
	size_t size = min_not_zero((size_t)dma_get_max_seg_size(dev),
				   dma_max_mapping_size(dev));

	/* The length of an entry is an unsigned int. */
	return min_t(size_t, size, UINT_MAX) & PAGE_MASK;
}

/* Whether a map for @dev may ever succeed: it does DMA, and takes a page as one segment. */
bool dbr_device_can_map(struct device *dev)
{
	return dev->dma_mask && *dev->dma_mask && dbr_segment_size(dev) &&
	       dma_get_seg_boundary(dev) >= PAGE_SIZE - 1;
}

/* Only what is bounced is limited in length. */
bool dbr_device_may_bounce(struct device *dev)
{
	return dma_max_mapping_size(dev) != SIZE_MAX;
}

static struct dbr_limits dbr_device_limits(struct dbr_buffer *buf, struct device *dev)
{
	struct dbr_limits limits = {
		.length = UINT_MAX & PAGE_MASK,
		.boundary = ULONG_MAX,
	};

	if (dbr_fault_skips_limits(buf) || !dbr_device_can_map(dev))
		return limits;
	limits.length = dbr_segment_size(dev);
	limits.boundary = dma_get_seg_boundary(dev);
	return limits;
}

/* Of one that is not mapped, or NULL. */
void dbr_mapping_destroy(struct dbr_mapping *m)
{
	if (!m)
		return;
	m->bare.orig_nents = m->nr_bare;
	sg_free_table(&m->bare);
	if (m->table.sgl != &m->single)
		sg_free_table(&m->table);
	kfree(m);
}

/* The DMA API makes no more entries of it. */
static int dbr_mapping_alloc_bare(struct dbr_mapping *m)
{
	int ret = sg_alloc_table(&m->bare, m->table.orig_nents, GFP_CALLER);

	m->nr_bare = ret ? 0 : m->table.orig_nents;
	return ret;
}

/* Addresses only: the CPU has no business with them. */
static void dbr_mapping_fill_bare(struct dbr_mapping *m)
{
	struct scatterlist *to = m->bare.sgl, *sg;
	int i;

	for_each_sgtable_dma_sg(&m->table, sg, i) {
		sg_dma_address(to) = sg_dma_address(sg);
		sg_dma_len(to) = sg_dma_len(sg);
		to = sg_next(to);
	}
	m->bare.nents = m->table.nents;
	m->bare.orig_nents = 0;
}

/**
 * dbr_mapping_create - what a map of a buffer needs, without mapping yet
 * @buf: the buffer, which has memory
 * @dev: the device that it is for
 *
 * Return: the mapping, or an ERR_PTR: -ENOMEM.
 */
struct dbr_mapping *dbr_mapping_create(struct dbr_buffer *buf, struct device *dev)
{
	struct dbr_limits limits = dbr_device_limits(buf, dev);
	struct dbr_mapping *m;
	int ret;

	dma_resv_assert_held(buf->dmabuf->resv);

	m = kzalloc_obj(*m, GFP_CALLER);
	if (!m)
		return ERR_PTR(-ENOMEM);
	m->dev = dev;
	m->generation = buf->generation;

	ret = dbr_pages_to_sg(buf->pages, &m->table, &m->single, &limits);
	if (!ret && buf->flags & DMABUF_REVOKE_ALLOC_BARE_TABLE)
		ret = dbr_mapping_alloc_bare(m);
	if (ret) {
		dbr_mapping_destroy(m);
		return ERR_PTR(ret);
	}
	return m;
}

/* What importers get to see. */
struct sg_table *dbr_mapping_table(struct dbr_mapping *m)
{
	return m->nr_bare ? &m->bare : &m->table;
}

/**
 * dbr_mapping_map - make the pages reachable for the device
 * @m: the mapping, made for @pages
 * @pages: the pages
 * @dir: what the device may do
 *
 * Return: 0 or a negative errno of the DMA API.
 */
int dbr_mapping_map(struct dbr_mapping *m, struct dbr_pages *pages,
		    enum dma_data_direction dir)
{
	int ret;

	mutex_lock(&pages->sync_lock);
	m->dma_dir = dir;
	/*
	 * From a bounce buffer comes back what the device leaves alone, too, so it has to get
	 * what a CPU or a move writes after the map.
	 */
	if (dir == DMA_FROM_DEVICE && dbr_device_may_bounce(m->dev))
		m->dma_dir = DMA_BIDIRECTIONAL;
	ret = dma_map_sgtable(m->dev, &m->table, m->dma_dir, 0);
	if (!ret)
		list_add_tail(&m->of_pages, &pages->mappings);
	mutex_unlock(&pages->sync_lock);
	if (ret)
		return ret;

	if (m->nr_bare)
		dbr_mapping_fill_bare(m);
	m->pages = dbr_pages_get(pages);
	m->dir = dir;
	m->since = ktime_get();
	return 0;
}

void dbr_mapping_unmap(struct dbr_mapping *m)
{
	struct dbr_pages *pages = m->pages;
	unsigned long attrs;

	mutex_lock(&pages->sync_lock);
	/* The device has written nothing yet. What it saw would overwrite what arrives. */
	attrs = pages->arriving ? DMA_ATTR_SKIP_CPU_SYNC : 0;
	dma_unmap_sgtable(m->dev, &m->table, m->dma_dir, attrs);
	list_del(&m->of_pages);
	mutex_unlock(&pages->sync_lock);

	m->pages = NULL;
	dbr_pages_put_later(pages);
}

/*
 * Its importer has detached: table and pages are never freed, but the device may go, and is
 * not to be asked for anything.
 */
void dbr_mapping_abandon(struct dbr_mapping *m)
{
	kmemleak_not_leak(m);
	mutex_lock(&m->pages->sync_lock);
	list_del_init(&m->of_pages);
	mutex_unlock(&m->pages->sync_lock);
}

/* What devices have written is in @pages when this returns, if their fences have signalled. */
void dbr_mappings_sync_for_cpu(struct dbr_pages *pages)
{
	struct dbr_mapping *m;

	mutex_lock(&pages->sync_lock);
	list_for_each_entry(m, &pages->mappings, of_pages)
		dma_sync_sgtable_for_cpu(m->dev, &m->table, m->dma_dir);
	mutex_unlock(&pages->sync_lock);
}

static void dbr_mappings_push(struct dbr_pages *pages, enum dma_data_direction cpu)
{
	struct dbr_mapping *m;

	lockdep_assert_held(&pages->sync_lock);

	list_for_each_entry(m, &pages->mappings, of_pages) {
		/*
		 * A reader has written nothing, and what is bounced would overwrite what the
		 * device has written meanwhile. But some caches learn only here that it may.
		 */
		if (cpu != DMA_FROM_DEVICE)
			dma_sync_sgtable_for_device(m->dev, &m->table, m->dma_dir);
		else if (m->dma_dir != DMA_TO_DEVICE)
			dma_sync_sgtable_for_device(m->dev, &m->table, cpu);
	}
}

/* What the CPU has written is seen by devices when this returns. @cpu: what it may have done */
void dbr_mappings_sync_for_device(struct dbr_pages *pages, enum dma_data_direction cpu)
{
	mutex_lock(&pages->sync_lock);
	dbr_mappings_push(pages, cpu);
	mutex_unlock(&pages->sync_lock);
}

/* The contents are there: also for those who have mapped @pages before. */
void dbr_mappings_arrived(struct dbr_pages *pages)
{
	mutex_lock(&pages->sync_lock);
	dbr_mappings_push(pages, DMA_BIDIRECTIONAL);
	pages->arriving = false;
	mutex_unlock(&pages->sync_lock);
}
