// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs of importers, on purpose: whether they may be had, and what they do at the points
 * in an attachment's life that hooks.h has.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/module.h>

#include "hooks.h"
#include "importer.h"
#include "trace.h"

#define MISBEHAVE(x)	(DMABUF_REVOKE_MISBEHAVE_##x)

static const char * const dbi_misbehave_names[] = {
	"ignore", "no-unmap", "late-unmap", "slow-callback", "late-fence",
	"stuck-fence", "fence-error", "fence-after", "new-dma", "remap",
	"dma-after-unmap", "keep-pin", "revive", "double-unpin",
	"skip-kernel-fence", "kernel-fence", "wrong-range", "one-segment",
	"clear-only", "loop-on-error", "fence-outlives", "stale",
};

#define DBI_MISBEHAVE_ALL	(BIT_ULL(ARRAY_SIZE(dbi_misbehave_names)) - 1)
#define DBI_MISBEHAVE_DELAYED	(MISBEHAVE(LATE_UNMAP) |		\
				 MISBEHAVE(SLOW_CALLBACK) |		\
				 MISBEHAVE(LATE_FENCE) |		\
				 MISBEHAVE(FENCE_AFTER) |		\
				 MISBEHAVE(LOOP_ON_ERROR) |		\
				 MISBEHAVE(FENCE_OUTLIVES))
/* All that importers without a callback can do. */
#define DBI_MISBEHAVE_LEGACY	(MISBEHAVE(LATE_FENCE) |		\
				 MISBEHAVE(STUCK_FENCE) |		\
				 MISBEHAVE(FENCE_ERROR) |		\
				 MISBEHAVE(SKIP_KERNEL_FENCE) |		\
				 MISBEHAVE(KERNEL_FENCE) |		\
				 MISBEHAVE(WRONG_RANGE) |		\
				 MISBEHAVE(ONE_SEGMENT) |		\
				 MISBEHAVE(LOOP_ON_ERROR) |		\
				 MISBEHAVE(FENCE_OUTLIVES))
#define DBI_MISBEHAVE_PINNED	(MISBEHAVE(KEEP_PIN) | MISBEHAVE(REVIVE))
#define DBI_MISBEHAVE_OWN	(MISBEHAVE(DOUBLE_UNPIN) |		\
				 MISBEHAVE(SKIP_KERNEL_FENCE) |		\
				 MISBEHAVE(STALE))
/*
 * What others have to wait for. The callback holds the resv lock for so long, and the timer
 * slack of who revokes; nobody can end a fence that outlives its file.
 */
#define DBI_MISBEHAVE_BRIEF	(MISBEHAVE(SLOW_CALLBACK) |		\
				 MISBEHAVE(FENCE_OUTLIVES))
#define DBI_MAX_BRIEF_NS	(10ULL * NSEC_PER_SEC)

/* Whether the attachment has one of these bugs. */
static bool dbi_misbehaves(const struct dbi_attachment *att, u64 how)
{
	return att->misbehave & how;
}

/* The same, at a point where that does something. */
static bool dbi_at_work(const struct dbi_attachment *att, u64 how)
{
	int i;

	if (trace_dbi_misbehave_enabled())
		for (i = 0; i < ARRAY_SIZE(dbi_misbehave_names); i++)
			if (dbi_misbehaves(att, how & BIT_ULL(i)))
				trace_dbi_misbehave(att, dbi_misbehave_names[i]);
	return dbi_misbehaves(att, how);
}

/* Whether @dmabuf is of our exporter, or of one of its quarantined buffers. */
static bool dbi_is_own(struct dma_buf *dmabuf, bool quarantined)
{
	if (!dmabuf->owner ||
	    strcmp(module_name(dmabuf->owner), "dmabuf_revoke_exporter"))
		return false;
	return !quarantined ||
	       !strcmp(dmabuf->exp_name, DMABUF_REVOKE_EXP_NAME_QUARANTINE);
}

/*
 * Whether each address is that of the memory: no IOMMU, and no bounce buffer, neither for want
 * of the device's address lines nor of those of a bus on the way.
 */
static bool dbi_is_direct(const struct dbi_device *device)
{
	return device->engines & BIT(DMABUF_REVOKE_ENGINE_CPU) &&
	       !dma_addressing_limited(device->dev);
}

/* Whether DMA after the unmap reaches nobody's memory that is not watched. */
static bool dbi_may_write_late(struct dma_buf *dmabuf,
			       const struct dbi_device *device, u32 engine)
{
	/* It looks at the translation, and writes nothing. */
	if (engine == DMABUF_REVOKE_ENGINE_IOVA)
		return true;
	/* Hardware: an IOMMU that has forgotten the address stops it. */
	if (IS_ENABLED(CONFIG_DMA_ENGINE) &&
	    engine == DMABUF_REVOKE_ENGINE_DMAENGINE &&
	    compat_iommu_is_strict(device->dev))
		return true;
	return dbi_is_direct(device) && dbi_is_own(dmabuf, true);
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
	return !(how & DBI_MISBEHAVE_BRIEF) || arg->delay_ns <= DBI_MAX_BRIEF_NS;
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
	dbi_misbehave_log(att->misbehave);
	if (dbi_misbehaves(att, MISBEHAVE(LATE_UNMAP) | MISBEHAVE(NEW_DMA)))
		att->flags |= DMABUF_REVOKE_ATTACH_DEFER_UNMAP;
	if (!dbi_misbehaves(att, MISBEHAVE(FENCE_AFTER) |
				 MISBEHAVE(DMA_AFTER_UNMAP)))
		return 0;
	return dbi_rogue_create(att);
}

static void dbi_remap(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	if (!dbi_at_work(att, MISBEHAVE(REMAP)))
		return;
	att->remap_error = dbi_mapping_create(att, DMA_BIDIRECTIONAL);
	att->remaps = att->remap_error;
}

static bool dbi_misbehave_heeds_invalidation(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	/*
	 * Not interruptible: who waits here is whoever revokes. close() ends it, which sets
	 * @closing before it needs the resv lock.
	 */
	if (dbi_at_work(att, MISBEHAVE(SLOW_CALLBACK)))
		wait_event_hrtimeout(att->wait, READ_ONCE(att->closing),
				     att->delay_ns);
	if (dbi_at_work(att, MISBEHAVE(FENCE_AFTER)))
		dbi_rogue_fence_after(att);
	/* What that makes is no mapping that it was told of. */
	if (att->remaps) {
		dbi_remap(att);
		return false;
	}
	return !dbi_at_work(att, MISBEHAVE(IGNORE));
}

static int dbi_misbehave_before_map(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	/* The exporter may tell while it maps. */
	att->remaps = false;
	return att->invalidations && dbi_at_work(att, MISBEHAVE(CLEAR_ONLY)) ?
	       -EIO : 0;
}

/* Who is stale was told, and is valid again. */
static bool dbi_misbehave_maps_anew(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	if (dbi_at_work(att, MISBEHAVE(STALE))) {
		att->dead = false;
		return false;
	}
	return !dbi_at_work(att, MISBEHAVE(IGNORE));
}

/* In a jiffy, so that it is a nuisance to nobody but its caller. */
static bool dbi_misbehave_tries_again(struct dbi_attachment *att, ktime_t since)
{
	return dbi_at_work(att, MISBEHAVE(LOOP_ON_ERROR)) &&
	       ktime_before(ktime_get(), ktime_add_ns(since, att->delay_ns)) &&
	       !wait_event_interruptible_timeout(att->wait,
						 READ_ONCE(att->closing), 1);
}

static u64 dbi_misbehave_begins_at(struct dbi_attachment *att, u64 offset)
{
	return offset && dbi_at_work(att, MISBEHAVE(WRONG_RANGE)) ? 0 : offset;
}

static bool dbi_misbehave_walks_table(struct dbi_attachment *att)
{
	return !dbi_at_work(att, MISBEHAVE(ONE_SEGMENT));
}

static bool dbi_misbehave_awaits_fences(struct dbi_attachment *att)
{
	return !dbi_at_work(att, MISBEHAVE(SKIP_KERNEL_FENCE));
}

static enum dma_resv_usage
dbi_misbehave_fence_usage(struct dbi_attachment *att, enum dma_resv_usage usage)
{
	return dbi_at_work(att, MISBEHAVE(KERNEL_FENCE)) ?
	       DMA_RESV_USAGE_KERNEL : usage;
}

static bool dbi_misbehave_starts_job_late(struct dbi_attachment *att)
{
	return dbi_at_work(att, MISBEHAVE(NEW_DMA));
}

static int dbi_misbehave_before_signal(struct dbi_attachment *att, int status)
{
	/* Interruptible only so as not to count as load, as in the engine. */
	if (dbi_at_work(att, MISBEHAVE(STUCK_FENCE)))
		wait_event_interruptible(att->wait, READ_ONCE(att->closing));
	else if (dbi_at_work(att, MISBEHAVE(LATE_FENCE)))
		wait_event_interruptible_hrtimeout(att->wait,
						   READ_ONCE(att->closing),
						   att->delay_ns);
	return dbi_at_work(att, MISBEHAVE(FENCE_ERROR)) ? -EIO : status;
}

static bool dbi_misbehave_holds_fence(struct dbi_attachment *att)
{
	return dbi_misbehaves(att, MISBEHAVE(LATE_FENCE) |
				   MISBEHAVE(STUCK_FENCE));
}

static unsigned long dbi_misbehave_unmap_delay(struct dbi_attachment *att)
{
	return dbi_at_work(att, MISBEHAVE(LATE_UNMAP)) ?
	       nsecs_to_jiffies(att->delay_ns) : 0;
}

static int dbi_misbehave_before_release(struct dbi_attachment *att)
{
	return dbi_at_work(att, MISBEHAVE(NO_UNMAP) | MISBEHAVE(CLEAR_ONLY)) ?
	       -EBUSY : 0;
}

static void dbi_misbehave_before_unmap(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;

	dma_resv_assert_held(att->dmabuf->resv);

	if (dbi_misbehaves(att, MISBEHAVE(DMA_AFTER_UNMAP)))
		dbi_rogue_aim(map);
}

static bool dbi_misbehave_unpins(struct dbi_attachment *att)
{
	return !dbi_at_work(att, MISBEHAVE(KEEP_PIN));
}

static void dbi_misbehave_after_release(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	if (dbi_misbehaves(att, MISBEHAVE(DMA_AFTER_UNMAP)))
		dbi_rogue_dma(att);
	if (dbi_at_work(att, MISBEHAVE(DOUBLE_UNPIN))) {
		dma_buf_unpin(att->attach);
		trace_dbi_unpin(att, att->attach);
	}
	if (dbi_at_work(att, MISBEHAVE(REVIVE)))
		att->dead = false;
	dbi_remap(att);
}

static void dbi_misbehave_before_detach(struct dbi_attachment *att)
{
	dbi_rogue_add_fence(att);
	if (dbi_at_work(att, MISBEHAVE(FENCE_OUTLIVES)))
		dbi_rogue_leave_fence(att);
}

static const struct dbi_hooks dbi_misbehave = {
	.before_attach = dbi_misbehave_before_attach,
	.heeds_invalidation = dbi_misbehave_heeds_invalidation,
	.before_map = dbi_misbehave_before_map,
	.maps_anew = dbi_misbehave_maps_anew,
	.tries_again = dbi_misbehave_tries_again,
	.begins_at = dbi_misbehave_begins_at,
	.walks_table = dbi_misbehave_walks_table,
	.awaits_fences = dbi_misbehave_awaits_fences,
	.fence_usage = dbi_misbehave_fence_usage,
	.starts_job_late = dbi_misbehave_starts_job_late,
	.before_signal = dbi_misbehave_before_signal,
	.holds_fence = dbi_misbehave_holds_fence,
	.unmap_delay = dbi_misbehave_unmap_delay,
	.before_release = dbi_misbehave_before_release,
	.before_unmap = dbi_misbehave_before_unmap,
	.unpins = dbi_misbehave_unpins,
	.after_release = dbi_misbehave_after_release,
	.jobs_ended = dbi_rogue_end_fence,
	.before_detach = dbi_misbehave_before_detach,
	.after_detach = dbi_rogue_destroy,
};

/**
 * dbi_misbehave_hooks - what makes an attachment misbehave as asked
 * @dmabuf: what it attaches to
 * @device: on whose behalf
 * @arg: how
 *
 * Return: its hooks; NULL: it is to behave; -EINVAL; or -EOPNOTSUPP: the exporter, or
 * whoever has the memory next, may not stand it.
 */
const struct dbi_hooks *
dbi_misbehave_hooks(struct dma_buf *dmabuf, const struct dbi_device *device,
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
	if (arg->misbehave & own && !dbi_is_own(dmabuf, false))
		return ERR_PTR(-EOPNOTSUPP);
	if (arg->misbehave & MISBEHAVE(DMA_AFTER_UNMAP) &&
	    !dbi_may_write_late(dmabuf, device, arg->engine))
		return ERR_PTR(-EOPNOTSUPP);
	return arg->misbehave ? &dbi_misbehave : NULL;
}
