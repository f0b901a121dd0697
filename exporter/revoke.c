// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking a buffer back.
 *
 * Whoever begins a revoke tells the importers and takes down the CPU mappings.
 * From then on it advances by itself, each time something that it waits for has
 * gone: a fence by its callback, a mapping by its unmap. Nobody holds the resv
 * lock while waiting, so importers can take it to finish and to unmap; and nobody
 * has to wait at all, so the owner can go away in the middle.
 */

#include <linux/dma-resv.h>
#include <linux/mm.h>

#include "deadline.h"
#include "exporter.h"

/* The first fence that has not signalled, whatever its usage; or NULL. */
static struct dma_fence *dbr_unsignalled_fence(struct dbr_buffer *buf)
{
	struct dma_resv *resv = buf->dmabuf->resv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_assert_held(resv);

	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, fence)
		if (!dma_fence_is_signaled(fence))
			return fence;
	return NULL;
}

/* May run in hard interrupt context, under the fence's lock. */
static void dbr_fence_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dbr_buffer *buf = container_of(cb, struct dbr_buffer, fence_cb);

	queue_work(dbr_wq, &buf->fence_work);
}

/* Arms fence_work for a fence that has not signalled. False: there is none. */
static bool dbr_await_fence(struct dbr_buffer *buf)
{
	struct dma_fence *fence;

	dma_resv_assert_held(buf->dmabuf->resv);

	while (!buf->fence && (fence = dbr_unsignalled_fence(buf)))
		if (!dma_fence_add_callback(fence, &buf->fence_cb,
					    dbr_fence_signalled))
			buf->fence = dma_fence_get(fence);
	return buf->fence;
}

static void dbr_revoke_finish(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	/* Pairs with the acquire of those who wait without the lock. */
	smp_store_release(&buf->state, DMABUF_REVOKE_STATE_REVOKED);
	wake_up_all(&buf->wait);
	if (buf->orphaned)
		queue_work(dbr_wq, &buf->put_work);
}

/**
 * dbr_revoke_advance - take a revoke as far as its blockers allow
 * @buf: the buffer, in any state; to be called whenever a blocker has gone
 */
void dbr_revoke_advance(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	/* Not before all have been told and no CPU mapping is left. */
	if (buf->state != DMABUF_REVOKE_STATE_REVOKING || !buf->zapped)
		return;

	if (dbr_await_fence(buf)) {
		buf->fenced = 0;
		return;
	}
	if (!buf->fenced)
		buf->fenced = ktime_get();

	if (buf->maps)
		return;
	buf->unmapped = ktime_get();

	dbr_revoke_finish(buf);
}

static void dbr_revoke_begin(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->state != DMABUF_REVOKE_STATE_LIVE)
		return;

	/* First the state: an importer that is told may try to map at once. */
	WRITE_ONCE(buf->state, DMABUF_REVOKE_STATE_REVOKING);
	buf->began = ktime_get();
	dma_buf_invalidate_mappings(buf->dmabuf);
	buf->told = ktime_get();
	unmap_mapping_range(buf->dmabuf->file->f_mapping, 0, 0, 1);
	buf->zapped = ktime_get();
	dbr_revoke_advance(buf);
}

static void dbr_fence_work(struct work_struct *work)
{
	struct dbr_buffer *buf = container_of(work, struct dbr_buffer, fence_work);
	struct dma_buf *dmabuf = buf->dmabuf;

	/* The owner's reference stays until REVOKED, which may be now. */
	get_dma_buf(dmabuf);

	dma_resv_lock(dmabuf->resv, NULL);
	dma_fence_put(buf->fence);
	buf->fence = NULL;
	dbr_revoke_advance(buf);
	dma_resv_unlock(dmabuf->resv);

	dma_buf_put(dmabuf);
}

static void dbr_put_work(struct work_struct *work)
{
	dbr_buffer_forget(container_of(work, struct dbr_buffer, put_work));
}

void dbr_revoke_init(struct dbr_buffer *buf)
{
	buf->state = DMABUF_REVOKE_STATE_LIVE;
	INIT_WORK(&buf->fence_work, dbr_fence_work);
	INIT_WORK(&buf->put_work, dbr_put_work);
	init_waitqueue_head(&buf->wait);
}

static bool dbr_is_revoked(struct dbr_buffer *buf)
{
	/* Pairs with dbr_revoke_finish(): the phases are complete. */
	return smp_load_acquire(&buf->state) == DMABUF_REVOKE_STATE_REVOKED;
}

/**
 * dbr_revoke - take a buffer back and wait for its blockers
 * @buf: the buffer; the caller holds a dma-buf reference
 * @deadline_ns: CLOCK_MONOTONIC; 0: do not wait
 * @already: receives whether it had been revoked completely before
 *
 * Return: 0, -ETIMEDOUT, or -ERESTARTSYS. In the latter two cases the revoke goes
 * on, and calling again resumes the wait.
 */
int dbr_revoke(struct dbr_buffer *buf, u64 deadline_ns, bool *already)
{
	int ret;

	ret = dma_resv_lock_interruptible(buf->dmabuf->resv, NULL);
	if (ret)
		return -ERESTARTSYS;
	*already = buf->state == DMABUF_REVOKE_STATE_REVOKED;
	dbr_revoke_begin(buf);
	dma_resv_unlock(buf->dmabuf->resv);

	return deadline_wait(buf->wait, dbr_is_revoked(buf), deadline_ns);
}

/**
 * dbr_revoke_orphan - the owner is gone: revoke, and drop its reference when done
 * @buf: the buffer; the caller holds a dma-buf reference of its own
 *
 * Does not wait.
 */
void dbr_revoke_orphan(struct dbr_buffer *buf)
{
	dma_resv_lock(buf->dmabuf->resv, NULL);
	if (buf->state == DMABUF_REVOKE_STATE_REVOKED)
		queue_work(dbr_wq, &buf->put_work);
	buf->orphaned = true;
	dbr_revoke_begin(buf);
	dma_resv_unlock(buf->dmabuf->resv);
}

/* How long a phase took: 0 if it has not begun, until now if it has not ended. */
static u64 dbr_phase_ns(ktime_t begin, ktime_t end, ktime_t now)
{
	return begin ? ktime_to_ns(ktime_sub(end ?: now, begin)) : 0;
}

/**
 * dbr_revoke_report - the phases so far, and what is still in use
 * @buf: the buffer
 * @phases: receives the time spent
 * @pending: receives the counts
 */
void dbr_revoke_report(struct dbr_buffer *buf,
		       struct dmabuf_revoke_phases *phases,
		       struct dmabuf_revoke_pending *pending)
{
	ktime_t now = ktime_get();
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_assert_held(buf->dmabuf->resv);

	phases->began_ns = ktime_to_ns(buf->began);
	phases->tell_ns = dbr_phase_ns(buf->began, buf->told, now);
	phases->zap_ns = dbr_phase_ns(buf->told, buf->zapped, now);
	phases->fences_ns = dbr_phase_ns(buf->zapped, buf->fenced, now);
	phases->unmaps_ns = dbr_phase_ns(buf->fenced, buf->unmapped, now);

	pending->fences = 0;
	dma_resv_for_each_fence(&cursor, buf->dmabuf->resv,
				DMA_RESV_USAGE_BOOKKEEP, fence)
		pending->fences += !dma_fence_is_signaled(fence);
	pending->maps = buf->maps;
	pending->legacy_maps = buf->legacy_maps;
	pending->pins = buf->pins;
}
