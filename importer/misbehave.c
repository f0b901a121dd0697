// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs of importers, on purpose: whether they may be had, and what they do at the points
 * in an attachment's life that hooks.h has.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-resv.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "hooks.h"
#include "importer.h"

struct dbi_rogue_fence {
	struct dma_fence fence;		/* first: dma_fence_free() frees it */
	struct compat_fence_lock lock;
};

/* What goes on by itself, until the attachment's file is closed. */
struct dbi_rogue {
	struct dbi_attachment *att;
	struct work_struct add_work;	/* adds @fence */
	struct delayed_work signal_work;	/* signals and drops it */
	struct dbi_rogue_fence *fence;	/* NULL: add_work's; else signal_work's; a reference */
	struct delayed_work dma_work;
	dma_addr_t addr;		/* the resv lock; then dma_work */
};

#define MISBEHAVE(x)	(DMABUF_REVOKE_MISBEHAVE_##x)

static const char * const dbi_misbehave_names[] = {
	"ignore", "no-unmap", "late-unmap", "slow-callback", "late-fence",
	"stuck-fence", "fence-error", "fence-after", "new-dma", "remap",
	"dma-after-unmap", "keep-pin", "revive", "double-unpin",
};

#define DBI_MISBEHAVE_ALL	(BIT_ULL(ARRAY_SIZE(dbi_misbehave_names)) - 1)
#define DBI_MISBEHAVE_DELAYED	(MISBEHAVE(LATE_UNMAP) |		\
				 MISBEHAVE(SLOW_CALLBACK) |		\
				 MISBEHAVE(LATE_FENCE) |		\
				 MISBEHAVE(FENCE_AFTER))
/* All that importers without a callback can do. */
#define DBI_MISBEHAVE_LEGACY	(MISBEHAVE(LATE_FENCE) |		\
				 MISBEHAVE(STUCK_FENCE) |		\
				 MISBEHAVE(FENCE_ERROR))
#define DBI_MISBEHAVE_PINNED	(MISBEHAVE(KEEP_PIN) | MISBEHAVE(REVIVE))
#define DBI_MISBEHAVE_OWN	(MISBEHAVE(DMA_AFTER_UNMAP) |		\
				 MISBEHAVE(DOUBLE_UNPIN))
/* The callback holds the resv lock for so long, and the timer slack of who revokes. */
#define DBI_MAX_CALLBACK_NS	(10ULL * NSEC_PER_SEC)

/* Whether the attachment has one of these bugs. */
static bool dbi_misbehaves(const struct dbi_attachment *att, u64 how)
{
	return att->misbehave & how;
}

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

/* Whether @dmabuf is of our exporter, or of one of its quarantined buffers. */
static bool dbi_is_own(struct dma_buf *dmabuf, bool quarantined)
{
	if (!dmabuf->owner ||
	    strcmp(module_name(dmabuf->owner), "dmabuf_revoke_exporter"))
		return false;
	return !quarantined ||
	       !strcmp(dmabuf->exp_name, DMABUF_REVOKE_EXP_NAME_QUARANTINE);
}

static bool dbi_misbehave_fits(const struct dmabuf_revoke_attach *arg)
{
	bool legacy = arg->kind >= DMABUF_REVOKE_KIND_LEGACY_STATIC;
	u64 how = arg->misbehave;

	if (how & ~DBI_MISBEHAVE_ALL)
		return false;
	if (arg->delay_ns && !(how & DBI_MISBEHAVE_DELAYED))
		return false;
	if (legacy && how & ~DBI_MISBEHAVE_LEGACY)
		return false;
	if (how & DBI_MISBEHAVE_PINNED && arg->kind != DMABUF_REVOKE_KIND_PINNED)
		return false;
	/* It happens in the callback. */
	if (how & MISBEHAVE(REMAP) &&
	    (arg->flags & DMABUF_REVOKE_ATTACH_DEFER_UNMAP ||
	     how & (MISBEHAVE(LATE_UNMAP) | MISBEHAVE(NEW_DMA))))
		return false;
	return !(how & MISBEHAVE(SLOW_CALLBACK)) ||
	       arg->delay_ns <= DBI_MAX_CALLBACK_NS;
}

/* Nobody waits for it behind those who wait for resv locks. */
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
	if (dma_resv_reserve_fences(resv, 1)) {
		dma_resv_unlock(resv);
		dma_fence_put(&fence->fence);
		return;
	}
	dma_resv_add_fence(resv, &fence->fence, DMA_RESV_USAGE_BOOKKEEP);
	rogue->fence = fence;
	/* Pairs with dbi_misbehave_jobs_ended(), which comes after @closing is set. */
	spin_lock(&att->lock);
	queue_delayed_work(dbi_engine_wq, &rogue->signal_work, att->closing ? 0 :
			   nsecs_to_jiffies(att->delay_ns));
	spin_unlock(&att->lock);
	dma_resv_unlock(resv);
}

/*
 * Into pages that the exporter watches, and keeps while we are attached. The address is
 * that of the page: dbi_bus_check() has seen to that, our device is not bounced.
 */
static void dbi_rogue_dma_work(struct work_struct *work)
{
	struct dbi_rogue *rogue = container_of(to_delayed_work(work),
					       struct dbi_rogue, dma_work);
	u64 *mem;

	mem = dbi_bus_access(rogue->addr);
	WRITE_ONCE(*mem, ktime_get_ns());
	kunmap_local(mem);
	queue_delayed_work(dbi_unmap_wq, &rogue->dma_work, 1);
}

static void dbi_misbehave_log(u64 how)
{
	static unsigned long logged;
	int i;

	for (i = 0; i < ARRAY_SIZE(dbi_misbehave_names); i++)
		if (how & BIT_ULL(i) && !test_and_set_bit(i, &logged))
			pr_notice("an attachment misbehaves on purpose: %s\n",
				  dbi_misbehave_names[i]);
}

static int dbi_misbehave_before_attach(struct dbi_attachment *att)
{
	struct dbi_rogue *rogue;

	dbi_misbehave_log(att->misbehave);
	if (dbi_misbehaves(att, MISBEHAVE(LATE_UNMAP) | MISBEHAVE(NEW_DMA)))
		att->flags |= DMABUF_REVOKE_ATTACH_DEFER_UNMAP;
	if (!dbi_misbehaves(att, MISBEHAVE(FENCE_AFTER) |
				 MISBEHAVE(DMA_AFTER_UNMAP)))
		return 0;

	rogue = kzalloc_obj(*rogue, GFP_CALLER);
	if (!rogue)
		return -ENOMEM;
	rogue->att = att;
	INIT_WORK(&rogue->add_work, dbi_rogue_add_work);
	INIT_DELAYED_WORK(&rogue->signal_work, dbi_rogue_signal_work);
	INIT_DELAYED_WORK(&rogue->dma_work, dbi_rogue_dma_work);
	att->rogue = rogue;
	return 0;
}

static bool dbi_misbehave_heeds_invalidation(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	/*
	 * Not interruptible: who waits here is whoever revokes. close() ends it, which sets
	 * @closing before it needs the resv lock.
	 */
	if (dbi_misbehaves(att, MISBEHAVE(SLOW_CALLBACK)))
		wait_event_hrtimeout(att->wait, READ_ONCE(att->closing),
				     att->delay_ns);
	if (dbi_misbehaves(att, MISBEHAVE(FENCE_AFTER)))
		queue_work(dbi_unmap_wq, &att->rogue->add_work);
	return !dbi_misbehaves(att, MISBEHAVE(IGNORE));
}

static bool dbi_misbehave_starts_job_late(struct dbi_attachment *att)
{
	return dbi_misbehaves(att, MISBEHAVE(NEW_DMA));
}

static int dbi_misbehave_before_signal(struct dbi_attachment *att, int status)
{
	/* Interruptible only so as not to count as load, as in the engine. */
	if (dbi_misbehaves(att, MISBEHAVE(STUCK_FENCE)))
		wait_event_interruptible(att->wait, READ_ONCE(att->closing));
	else if (dbi_misbehaves(att, MISBEHAVE(LATE_FENCE)))
		wait_event_interruptible_hrtimeout(att->wait,
						   READ_ONCE(att->closing),
						   att->delay_ns);
	return dbi_misbehaves(att, MISBEHAVE(FENCE_ERROR)) ? -EIO : status;
}

static bool dbi_misbehave_holds_fence(struct dbi_attachment *att)
{
	return dbi_misbehaves(att, MISBEHAVE(LATE_FENCE) |
				   MISBEHAVE(STUCK_FENCE));
}

static unsigned long dbi_misbehave_unmap_delay(struct dbi_attachment *att)
{
	return dbi_misbehaves(att, MISBEHAVE(LATE_UNMAP)) ?
	       nsecs_to_jiffies(att->delay_ns) : 0;
}

static int dbi_misbehave_before_release(struct dbi_attachment *att)
{
	return dbi_misbehaves(att, MISBEHAVE(NO_UNMAP)) ? -EBUSY : 0;
}

static void dbi_misbehave_before_unmap(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;

	dma_resv_assert_held(att->dmabuf->resv);

	if (dbi_misbehaves(att, MISBEHAVE(DMA_AFTER_UNMAP)))
		att->rogue->addr = sg_dma_address(map->table->sgl);
}

static bool dbi_misbehave_unpins(struct dbi_attachment *att)
{
	return !dbi_misbehaves(att, MISBEHAVE(KEEP_PIN));
}

static void dbi_misbehave_after_release(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	if (dbi_misbehaves(att, MISBEHAVE(DMA_AFTER_UNMAP)) && att->rogue->addr)
		queue_delayed_work(dbi_unmap_wq, &att->rogue->dma_work, 0);
	if (dbi_misbehaves(att, MISBEHAVE(DOUBLE_UNPIN)))
		dma_buf_unpin(att->attach);
	if (dbi_misbehaves(att, MISBEHAVE(REVIVE)))
		att->dead = false;
	if (dbi_misbehaves(att, MISBEHAVE(REMAP)))
		att->remap_error = dbi_mapping_create(att, DMA_BIDIRECTIONAL);
}

static void dbi_misbehave_jobs_ended(struct dbi_attachment *att)
{
	if (att->rogue)
		flush_delayed_work(&att->rogue->signal_work);
}

static void dbi_misbehave_after_detach(struct dbi_attachment *att)
{
	struct dbi_rogue *rogue = att->rogue;

	if (!rogue)
		return;
	cancel_delayed_work_sync(&rogue->dma_work);
	cancel_work_sync(&rogue->add_work);
	flush_delayed_work(&rogue->signal_work);
	kfree(rogue);
}

static const struct dbi_hooks dbi_misbehave = {
	.before_attach = dbi_misbehave_before_attach,
	.heeds_invalidation = dbi_misbehave_heeds_invalidation,
	.starts_job_late = dbi_misbehave_starts_job_late,
	.before_signal = dbi_misbehave_before_signal,
	.holds_fence = dbi_misbehave_holds_fence,
	.unmap_delay = dbi_misbehave_unmap_delay,
	.before_release = dbi_misbehave_before_release,
	.before_unmap = dbi_misbehave_before_unmap,
	.unpins = dbi_misbehave_unpins,
	.after_release = dbi_misbehave_after_release,
	.jobs_ended = dbi_misbehave_jobs_ended,
	.after_detach = dbi_misbehave_after_detach,
};

/**
 * dbi_misbehave_hooks - what makes an attachment misbehave as asked
 * @dmabuf: what it attaches to
 * @arg: how
 *
 * Return: its hooks; NULL: it is to behave; -EINVAL; or -EOPNOTSUPP: the exporter may not
 * stand it.
 */
const struct dbi_hooks *
dbi_misbehave_hooks(struct dma_buf *dmabuf,
		    const struct dmabuf_revoke_attach *arg)
{
	u64 own = DBI_MISBEHAVE_OWN;

	if (!dbi_misbehave_fits(arg))
		return ERR_PTR(-EINVAL);
	/* Others may give the memory away once the fences have signalled, before the unmap. */
	if (arg->kind == DMABUF_REVOKE_KIND_DYNAMIC)
		own |= MISBEHAVE(IGNORE) | MISBEHAVE(REMAP);
	/* It has unpinned by then. */
	if (arg->misbehave & MISBEHAVE(REVIVE))
		own |= MISBEHAVE(REMAP);
	if (arg->misbehave & own &&
	    !dbi_is_own(dmabuf, arg->misbehave & MISBEHAVE(DMA_AFTER_UNMAP)))
		return ERR_PTR(-EOPNOTSUPP);
	return arg->misbehave ? &dbi_misbehave : NULL;
}
