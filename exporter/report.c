// SPDX-License-Identifier: GPL-2.0-only
/*
 * Saying what a buffer is used by, and what holds up a revoke: in figures, by name,
 * and in the kernel's log when it takes too long.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>

#include "revoke.h"
#include "timens.h"
#include "trace.h"

static unsigned int warn_ms = 10000;
module_param(warn_ms, uint, 0644);
MODULE_PARM_DESC(warn_ms,
		 "Log a revoke that has waited so long, in ms, once (0: never; default: 10000)");

/* The first fence of at least this usage that has not signalled; or NULL. */
struct dma_fence *dbr_unsignalled_fence(struct dbr_buffer *buf,
					enum dma_resv_usage usage)
{
	struct dma_resv *resv = buf->dmabuf->resv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_assert_held(resv);

	dma_resv_for_each_fence(&cursor, resv, usage, fence)
		if (!dma_fence_is_signaled(fence))
			return fence;
	return NULL;
}

/* How long a phase took: 0 if it has not begun, until now if it has not ended. */
static u64 dbr_phase_ns(ktime_t begin, ktime_t end, ktime_t now)
{
	return begin ? ktime_to_ns(ktime_sub(end ?: now, begin)) : 0;
}

/**
 * dbr_report - the phases so far, and what is in use, for the caller of an ioctl
 * @buf: the buffer
 * @phases: receives the time spent
 * @pending: receives the counts
 */
void dbr_report(struct dbr_buffer *buf, struct dmabuf_revoke_phases *phases,
		struct dmabuf_revoke_pending *pending)
{
	ktime_t now = ktime_get();
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_assert_held(buf->dmabuf->resv);

	phases->began_ns = timens_from_host(buf->began);
	phases->tell_ns = dbr_phase_ns(buf->began, buf->invalidated, now);
	phases->zap_ns = dbr_phase_ns(buf->invalidated, buf->zapped, now);
	phases->fences_ns = dbr_phase_ns(buf->zapped, buf->fenced, now);
	phases->unmaps_ns = dbr_phase_ns(buf->fenced, buf->unmapped, now);
	phases->give_back_ns = 0;
	if (dbr_is_taken_back(buf))
		phases->give_back_ns = dbr_phase_ns(buf->unmapped,
						    buf->released, now);

	pending->fences = 0;
	dma_resv_for_each_fence(&cursor, buf->dmabuf->resv,
				DMA_RESV_USAGE_BOOKKEEP, fence)
		pending->fences += !dma_fence_is_signaled(fence);
	pending->maps = buf->maps;
	pending->legacy_maps = buf->legacy_maps;
	pending->vmaps = buf->vmaps;
	pending->pins = buf->pins;
	pending->reserved = 0;
}

static void dbr_name_fence(struct dmabuf_revoke_blocker *b,
			   struct dma_fence *fence, enum dma_resv_usage usage)
{
	b->type = DMABUF_REVOKE_BLOCKER_FENCE;
	b->usage = usage;
	b->context = fence->context;
	b->seqno = fence->seqno;

	/*
	 * The names belong to whoever issued the fence, until it has signalled, and a grace
	 * period longer. Not all kernels look.
	 */
	rcu_read_lock();
	if (!test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags)) {
		strscpy(b->name, (const char __force *)dma_fence_driver_name(fence),
			sizeof(b->name));
		strscpy(b->timeline,
			(const char __force *)dma_fence_timeline_name(fence),
			sizeof(b->timeline));
	}
	rcu_read_unlock();
}

static void dbr_name_map(struct dmabuf_revoke_blocker *b,
			 const struct dbr_attachment *a,
			 const struct dbr_mapping *m)
{
	b->type = DMABUF_REVOKE_BLOCKER_MAP;
	b->legacy = !a->revocable;
	b->pins = a->pins;
	b->since_ns = ktime_to_ns(m->since);
	strscpy(b->name, dev_name(m->dev), sizeof(b->name));
}

/* Its device may be gone: it has no name any more. */
static void dbr_name_abandoned(struct dmabuf_revoke_blocker *b,
			       const struct dbr_mapping *m)
{
	b->type = DMABUF_REVOKE_BLOCKER_MAP;
	b->legacy = 1;
	b->since_ns = ktime_to_ns(m->since);
	strscpy(b->name, "(detached)", sizeof(b->name));
}

/**
 * dbr_blockers - name what uses the buffer
 * @buf: the buffer
 * @array: receives the first of them, with times of the host; zeroed
 * @capacity: how many fit
 *
 * Return: how many there are.
 */
u32 dbr_blockers(struct dbr_buffer *buf, struct dmabuf_revoke_blocker *array,
		 u32 capacity)
{
	struct dma_buf_attachment *attach;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	struct dbr_mapping *m;
	u32 n = 0;

	dma_resv_assert_held(buf->dmabuf->resv);

	dma_resv_for_each_fence(&cursor, buf->dmabuf->resv,
				DMA_RESV_USAGE_BOOKKEEP, fence) {
		if (dma_fence_is_signaled(fence))
			continue;
		if (n < capacity)
			dbr_name_fence(&array[n], fence,
				       dma_resv_iter_usage(&cursor));
		n++;
	}
	list_for_each_entry(attach, &buf->dmabuf->attachments, node) {
		struct dbr_attachment *a = attach->priv;

		list_for_each_entry(m, &a->mappings, of_attachment) {
			if (n < capacity)
				dbr_name_map(&array[n], a, m);
			n++;
		}
	}
	list_for_each_entry(m, &buf->abandoned, of_attachment) {
		if (n < capacity)
			dbr_name_abandoned(&array[n], m);
		n++;
	}
	if (buf->vmaps && n++ < capacity) {
		array[n - 1].type = DMABUF_REVOKE_BLOCKER_VMAP;
		array[n - 1].legacy = 1;
		array[n - 1].since_ns = ktime_to_ns(buf->vmapped);
	}
	return n;
}

static void dbr_complain(struct dbr_buffer *buf,
			 const struct dmabuf_revoke_blocker *b)
{
	u64 held_ms = div_u64(ktime_get_ns() - b->since_ns, NSEC_PER_MSEC);

	switch (b->type) {
	case DMABUF_REVOKE_BLOCKER_FENCE:
		pr_warn("buffer %llu: fence %llu:%llu of %s, %s\n", buf->id,
			b->context, b->seqno, b->name, b->timeline);
		break;
	case DMABUF_REVOKE_BLOCKER_MAP:
		pr_warn("buffer %llu: mapped by %s%s for %llu ms\n", buf->id,
			b->name, b->legacy ? " (not revocable)" : "", held_ms);
		break;
	default:
		pr_warn("buffer %llu: vmapped for %llu ms\n", buf->id, held_ms);
	}
}

#define DBR_COMPLAINTS	4U		/* blockers named in the log */

/* Whoever may allocate can have as many late revokes as buffers. */
static DEFINE_RATELIMIT_STATE(dbr_late_limit, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);

/* See in so many ms whether the revoke has come to its end. */
static void dbr_late_arm(struct dbr_buffer *buf, unsigned int ms)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	get_dma_buf(buf->dmabuf);
	/*
	 * One jiffy more, since part of the first has passed. It was waiting already,
	 * for a suspension, with its own reference.
	 */
	if (mod_delayed_work(dbr_step_wq, &buf->late_work, msecs_to_jiffies(ms) + 1))
		dma_buf_put(buf->dmabuf);
}

/* Whether that is to be said now. Else it is over, or may have to be said later. */
static bool dbr_late_due(struct dbr_buffer *buf)
{
	unsigned int ms = READ_ONCE(warn_ms);
	s64 waited;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (!ms || !buf->zapped || buf->unmapped)
		return false;
	waited = ktime_ms_delta(ktime_get(), buf->began);
	if (waited >= ms)
		return __ratelimit(&dbr_late_limit);
	/* warn_ms was raised, or jiffies have caught up in one step. */
	dbr_late_arm(buf, ms - waited);
	return false;
}

void dbr_late_work(struct work_struct *work)
{
	struct dbr_buffer *buf = container_of(to_delayed_work(work),
					      struct dbr_buffer, late_work);
	struct dma_buf *dmabuf = buf->dmabuf;
	struct dmabuf_revoke_blocker *blockers;
	bool late;
	u32 i, n;

	/* Without memory the names are left out. */
	blockers = kzalloc_objs(*blockers, DBR_COMPLAINTS, GFP_CALLER);

	dma_resv_lock(dmabuf->resv, NULL);
	late = dbr_late_due(buf);
	n = dbr_blockers(buf, blockers, blockers ? DBR_COMPLAINTS : 0);
	if (late) {
		s64 ms = ktime_ms_delta(ktime_get(), buf->began);

		pr_warn("buffer %llu: the revoke waits for %lld ms now, for %u blockers\n",
			buf->id, ms, n);
		trace_dbr_late(buf, NULL, "wait", ms);
	}
	dma_resv_unlock(dmabuf->resv);

	for (i = 0; late && blockers && i < min(n, DBR_COMPLAINTS); i++)
		dbr_complain(buf, &blockers[i]);
	kfree(blockers);
	dma_buf_put(dmabuf);
}

/* A revoke has to wait: see later whether it has come to its end. */
void dbr_late_begin(struct dbr_buffer *buf)
{
	unsigned int ms = READ_ONCE(warn_ms);

	dma_resv_assert_held(buf->dmabuf->resv);

	if (ms)
		dbr_late_arm(buf, ms);
}

void dbr_late_end(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (delayed_work_pending(&buf->late_work) &&
	    cancel_delayed_work(&buf->late_work))
		dma_buf_put(buf->dmabuf);
}
