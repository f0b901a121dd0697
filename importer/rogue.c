// SPDX-License-Identifier: GPL-2.0-only
/*
 * What goes on by itself where an attachment misbehaves, until its file is closed; and a fence
 * that is left behind then.
 */

#include <linux/dma-resv.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "importer.h"
#include "trace.h"

/* Of what signals a fence and does not wait, so that it waits for no thread either. */
struct workqueue_struct *dbi_signal_wq;

struct dbi_rogue_fence {
	struct dma_fence fence;		/* first: dma_fence_free() frees it */
	struct compat_fence_lock lock;
};

/* It leads to no attachment: there may be none any more. */
struct dbi_left_fence {
	struct dma_fence fence;		/* first: dma_fence_free() frees it */
	struct compat_fence_lock lock;
	struct delayed_work signal_work;	/* signals and drops it, and the module */
};

struct dbi_rogue {
	struct dbi_attachment *att;
	struct work_struct add_work;	/* adds @fence */
	struct delayed_work signal_work;	/* signals and drops it */
	struct dbi_rogue_fence *fence;	/* NULL: add_work's; else signal_work's; a reference */
	struct delayed_work dma_work;
	dma_addr_t addr;		/* the resv lock; dma_work peeks; 0: nothing to write to */
};

static const char *dbi_rogue_driver_name(struct dma_fence *fence)
{
	return "dmabuf-revoke-importer";
}

static const char *dbi_rogue_timeline_name(struct dma_fence *fence)
{
	return "fence-after";
}

static const struct dma_fence_ops dbi_rogue_ops = {
	.get_driver_name = dbi_rogue_driver_name,
	.get_timeline_name = dbi_rogue_timeline_name,
	.release = compat_fence_release,
};

static const char *dbi_left_timeline_name(struct dma_fence *fence)
{
	return "fence-outlives";
}

static const struct dma_fence_ops dbi_left_ops = {
	.get_driver_name = dbi_rogue_driver_name,
	.get_timeline_name = dbi_left_timeline_name,
	.release = compat_fence_release,
};

/* Adds @fence if there is room for it; an errno. */
static int dbi_rogue_add(struct dbi_attachment *att, struct dma_fence *fence)
{
	struct dma_resv *resv = att->dmabuf->resv;
	int ret;

	dma_resv_assert_held(resv);

	ret = dma_resv_reserve_fences(resv, 1);
	if (ret)
		return ret;
	dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_BOOKKEEP);
	trace_dbi_fence_added(att, fence, DMA_RESV_USAGE_BOOKKEEP);
	return 0;
}

static void dbi_rogue_signal_work(struct work_struct *work)
{
	struct dbi_rogue *rogue = container_of(to_delayed_work(work),
					       struct dbi_rogue, signal_work);
	struct dbi_rogue_fence *fence = rogue->fence;

	dma_fence_signal(&fence->fence);
	dma_fence_put(&fence->fence);
	/* Pairs with dbi_rogue_add_work(): it may put another there. */
	smp_store_release(&rogue->fence, NULL);
}

/* While the fence of an earlier call is there it stands for this one, too. */
static void dbi_rogue_add_work(struct work_struct *work)
{
	struct dbi_rogue *rogue = container_of(work, struct dbi_rogue, add_work);
	struct dbi_attachment *att = rogue->att;
	struct dma_resv *resv = att->dmabuf->resv;
	struct dbi_rogue_fence *fence;

	static_assert(offsetof(struct dbi_rogue_fence, fence) == 0);
	/* Pairs with dbi_rogue_signal_work(). */
	if (smp_load_acquire(&rogue->fence))
		return;
	fence = kzalloc_obj(*fence, GFP_CALLER);
	if (!fence)
		return;
	dma_fence_init(&fence->fence, &dbi_rogue_ops,
		       compat_fence_lock(&fence->lock),
		       dma_fence_context_alloc(1), 1);

	dma_resv_lock(resv, NULL);
	if (dbi_rogue_add(att, &fence->fence)) {
		dma_resv_unlock(resv);
		dma_fence_put(&fence->fence);
		return;
	}
	rogue->fence = fence;
	/* Pairs with dbi_rogue_end_fence(), which comes after @closing is set. */
	spin_lock(&att->lock);
	queue_delayed_work(dbi_signal_wq, &rogue->signal_work, att->closing ? 0 :
			   nsecs_to_jiffies(att->delay_ns));
	spin_unlock(&att->lock);
	dma_resv_unlock(resv);
}

/* The address is that of the page: nothing translates or bounces. */
static void dbi_rogue_write(const struct dbi_device *device, dma_addr_t addr)
{
	u64 *mem = dbi_bus_kmap(dbi_bus_phys(device, addr, false));

	WRITE_ONCE(*mem, ktime_get_ns());
	kunmap_local(mem);
}

/* Whether an IOMMU leads from the address to something again, whatever it is. */
static bool dbi_rogue_is_mapped(const struct dbi_device *device, dma_addr_t addr)
{
	return device->domain && iommu_iova_to_phys(device->domain, addr);
}

/* Whether nobody but who is to notice has it. sysfs can take an IOMMU's strictness away. */
static bool dbi_rogue_may_write(struct dbi_attachment *att, dma_addr_t addr)
{
	const struct dbi_device *device = att->device;

	if (!addr || dbi_rogue_is_mapped(device, addr))
		return false;
	return !dbi_is_real(att) || !device->domain ||
	       compat_iommu_is_strict(device->dev);
}

/*
 * Into pages that the exporter watches, and keeps while its dma-buf is there. Or a real engine
 * tries to, and an IOMMU stops it; or what that would do is looked up, and ends it, as it would
 * a job. Not where somebody's memory has come to be at the address.
 */
static void dbi_rogue_dma_work(struct work_struct *work)
{
	struct dbi_rogue *rogue = container_of(to_delayed_work(work),
					       struct dbi_rogue, dma_work);
	struct dbi_attachment *att = rogue->att;
	dma_addr_t addr = READ_ONCE(rogue->addr);

	trace_dbi_misbehave(att, "dma-after-unmap");
	if (dbi_rogue_may_write(att, addr)) {
		if (att->engine == DMABUF_REVOKE_ENGINE_IOVA) {
			dbi_event(att, DMABUF_REVOKE_EVENT_DMA_FAULT, addr);
			return;
		}
		if (dbi_is_real(att))
			dbi_dmaengine_write(att, addr, ktime_get_ns());
		else
			dbi_rogue_write(att->device, addr);
	}
	queue_delayed_work(dbi_unmap_wq, &rogue->dma_work, 1);
}

int dbi_rogue_create(struct dbi_attachment *att)
{
	struct dbi_rogue *rogue = kzalloc_obj(*rogue, GFP_CALLER);

	if (!rogue)
		return -ENOMEM;
	rogue->att = att;
	INIT_WORK(&rogue->add_work, dbi_rogue_add_work);
	INIT_DELAYED_WORK(&rogue->signal_work, dbi_rogue_signal_work);
	INIT_DELAYED_WORK(&rogue->dma_work, dbi_rogue_dma_work);
	att->rogue = rogue;
	return 0;
}

/* Has a fence added, and signalled @delay_ns later. */
void dbi_rogue_fence_after(struct dbi_attachment *att)
{
	queue_work(dbi_unmap_wq, &att->rogue->add_work);
}

/* @map is about to go: it is where dbi_rogue_dma() will write. */
void dbi_rogue_aim(struct dbi_mapping *map)
{
	const struct dbi_device *device = map->att->device;
	dma_addr_t addr = sg_dma_address(map->table->sgl);

	dma_resv_assert_held(map->att->dmabuf->resv);

	/* It is still mapped: what no IOMMU translates now none will stop later. */
	if (device->domain && !dbi_rogue_is_mapped(device, addr))
		addr = 0;
	WRITE_ONCE(map->att->rogue->addr, addr);
}

/* Writes from now on, if there was a mapping. */
void dbi_rogue_dma(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	if (att->rogue->addr)
		queue_delayed_work(dbi_unmap_wq, &att->rogue->dma_work, 0);
}

/* The attachment is closing: its fence signals now. */
void dbi_rogue_end_fence(struct dbi_attachment *att)
{
	if (att->rogue)
		flush_delayed_work(&att->rogue->signal_work);
}

/* The attachment is detaching: what is to be added is added before, however late its worker is. */
void dbi_rogue_add_fence(struct dbi_attachment *att)
{
	if (att->rogue)
		flush_work(&att->rogue->add_work);
}

/* The module's exit waits for those who have let it go to return: it ends their workqueue. */
static void dbi_left_signal_work(struct work_struct *work)
{
	struct dbi_left_fence *left = container_of(to_delayed_work(work),
						   struct dbi_left_fence,
						   signal_work);

	dma_fence_signal(&left->fence);
	dma_fence_put(&left->fence);
	module_put(THIS_MODULE);
}

/* The attachment is closing: a fence that signals @delay_ns later stays behind. */
void dbi_rogue_leave_fence(struct dbi_attachment *att)
{
	struct dma_resv *resv = att->dmabuf->resv;
	struct dbi_left_fence *left;
	int ret;

	static_assert(offsetof(struct dbi_left_fence, fence) == 0);
	left = kzalloc_obj(*left, GFP_CALLER);
	if (!left)
		return;
	INIT_DELAYED_WORK(&left->signal_work, dbi_left_signal_work);
	dma_fence_init(&left->fence, &dbi_left_ops, compat_fence_lock(&left->lock),
		       dma_fence_context_alloc(1), 1);

	dma_resv_lock(resv, NULL);
	ret = dbi_rogue_add(att, &left->fence);
	dma_resv_unlock(resv);
	if (ret) {
		dma_fence_put(&left->fence);
		return;
	}
	/* The file that is being closed, or the work that ends what it was, still has it. */
	__module_get(THIS_MODULE);
	queue_delayed_work(dbi_signal_wq, &left->signal_work,
			   nsecs_to_jiffies(att->delay_ns));
}

void dbi_rogue_destroy(struct dbi_attachment *att)
{
	struct dbi_rogue *rogue = att->rogue;

	if (!rogue)
		return;
	cancel_delayed_work_sync(&rogue->dma_work);
	cancel_work_sync(&rogue->add_work);
	flush_delayed_work(&rogue->signal_work);
	kfree(rogue);
}
