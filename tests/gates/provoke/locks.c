// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lockdep, PROVE_RCU and DEBUG_ATOMIC_SLEEP have to find. Nobody else takes these
 * locks, so that none of it really deadlocks.
 */
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "module.h"

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spinlock);

static int lock_inversion(int number)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

/* Two of them without a ww_acquire_ctx: the order is anybody's. */
static int resv_recursion(int number)
{
	struct dma_resv one, other;

	dma_resv_init(&one);
	dma_resv_init(&other);
	dma_resv_lock(&one, NULL);
	dma_resv_lock(&other, NULL);
	dma_resv_unlock(&other);
	dma_resv_unlock(&one);
	dma_resv_fini(&other);
	dma_resv_fini(&one);
	return 0;
}

/* Others wait for fences with this lock held. */
static int fence_lock(int number)
{
	struct dma_resv resv;
	bool cookie;

	dma_resv_init(&resv);
	cookie = dma_fence_begin_signalling();
	dma_resv_lock(&resv, NULL);
	dma_resv_unlock(&resv);
	dma_fence_end_signalling(cookie);
	dma_resv_fini(&resv);
	return 0;
}

/* Reclaim may wait for the very fence. */
static int fence_allocation(int number)
{
	bool cookie = dma_fence_begin_signalling();
	void *object = kmalloc(64, GFP_KERNEL);

	dma_fence_end_signalling(cookie);
	kfree(object);
	return object ? 0 : -ENOMEM;
}

static int rcu_pointer(int number)
{
	static int __rcu *pointer;

	return rcu_dereference(pointer) ? -EIO : 0;
}

static int sleep_in_atomic(int number)
{
	void *object;

	spin_lock(&spinlock);
	object = kmalloc(64, GFP_KERNEL);
	spin_unlock(&spinlock);
	kfree(object);
	return object ? 0 : -ENOMEM;
}

const struct bug lock_bugs[] = {
	{ "lock_inversion", lock_inversion },
	{ "resv_recursion", resv_recursion },
	{ "fence_lock", fence_lock },
	{ "fence_allocation", fence_allocation },
	{ "rcu_pointer", rcu_pointer },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ }
};
