// SPDX-License-Identifier: GPL-2.0-only
/* Fences that signal some time after they were asked to, as those of lazy drivers do. */
#include <linux/dma-resv.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "module.h"

struct peer_lazy {
	struct dma_fence fence;		/* first: it is freed by it */
	struct compat_fence_lock fence_lock;
	struct delayed_work work;	/* signals */
	unsigned long delay;		/* in jiffies */
	u64 enabled;			/* under the fence's lock, then for good */
	u64 signalled;			/* written by the work, once */
};

static const char *peer_fence_name(struct dma_fence *fence)
{
	return "dbr-peer";
}

/* Under the fence's lock, before it has signalled. */
static bool peer_fence_enable(struct dma_fence *fence)
{
	struct peer_lazy *lazy = container_of(fence, struct peer_lazy, fence);

	WRITE_ONCE(lazy->enabled, ktime_get_ns());
	schedule_delayed_work(&lazy->work, lazy->delay);
	return true;
}

static const struct dma_fence_ops peer_fence_ops = {
	.get_driver_name = peer_fence_name,
	.get_timeline_name = peer_fence_name,
	.enable_signaling = peer_fence_enable,
	.release = compat_fence_release,
};

/* The set has a reference until this has ended. */
static void peer_fence_work(struct work_struct *work)
{
	struct peer_lazy *lazy = container_of(to_delayed_work(work),
					      struct peer_lazy, work);

	WRITE_ONCE(lazy->signalled, ktime_get_ns());
	dma_fence_signal(&lazy->fence);
}

static struct peer_lazy *peer_fence_new(unsigned int delay_ms)
{
	struct peer_lazy *lazy = kzalloc_obj(*lazy, GFP_KERNEL);

	if (!lazy)
		return NULL;
	lazy->delay = msecs_to_jiffies(delay_ms);
	INIT_DELAYED_WORK(&lazy->work, peer_fence_work);
	dma_fence_init(&lazy->fence, &peer_fence_ops,
		       compat_fence_lock(&lazy->fence_lock),
		       dma_fence_context_alloc(1), 1);
	return lazy;
}

void peer_fences_end(struct peer_fence_set *set)
{
	while (set->count) {
		struct peer_lazy *lazy = set->fence[--set->count];

		/* From here on nobody asks it any more. */
		dma_fence_signal(&lazy->fence);
		cancel_delayed_work_sync(&lazy->work);
		dma_fence_put(&lazy->fence);
	}
}

int peer_fences_add(struct peer_fence_set *set, struct dma_buf *dmabuf,
		    const struct peer_fences *arg)
{
	unsigned int i;
	int ret;

	for (; set->count < arg->count; set->count++) {
		set->fence[set->count] = peer_fence_new(arg->delay_ms);
		if (!set->fence[set->count]) {
			peer_fences_end(set);
			return -ENOMEM;
		}
	}

	dma_resv_lock(dmabuf->resv, NULL);
	ret = dma_resv_reserve_fences(dmabuf->resv, set->count);
	for (i = 0; !ret && i < set->count; i++)
		dma_resv_add_fence(dmabuf->resv, &set->fence[i]->fence,
				   DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_unlock(dmabuf->resv);
	if (ret)
		peer_fences_end(set);
	return ret;
}

void peer_fence_times(const struct peer_fence_set *set, struct peer_fence *out)
{
	unsigned int i;

	for (i = 0; i < set->count; i++) {
		out[i].enabled_ns = READ_ONCE(set->fence[i]->enabled);
		out[i].signalled_ns = READ_ONCE(set->fence[i]->signalled);
	}
}
