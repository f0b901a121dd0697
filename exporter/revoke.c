// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking a buffer back, for good or for a while.
 *
 * Whoever begins it invalidates the importers' mappings and takes down those of CPUs.
 * From then on it advances by itself, each time something that it waits for has gone: a
 * fence by its callback, a mapping by its unmap. Nobody holds the resv lock while
 * waiting, so importers can take it to finish and to unmap; and nobody has to wait
 * at all, so the owner can go away in the middle.
 */

#include <linux/dma-resv.h>
#include <linux/sizes.h>

#include "deadline.h"
#include "revoke.h"
#include "trace.h"

/*
 * So few are freed with the lock held, by whoever begins a revoke, if there are no blockers.
 * A worker would cost as much again.
 */
#define DBR_FEW_PAGES	(SZ_1M >> PAGE_SHIFT)

/* May run in hard interrupt context, under the fence's lock. */
static void dbr_fence_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dbr_buffer *buf = container_of(cb, struct dbr_buffer, fence_cb);

	queue_work(dbr_step_wq, &buf->fence_work);
}

/* Arms fence_work for a fence that has not signalled. False: there is none. */
static bool dbr_await_fence(struct dbr_buffer *buf)
{
	struct dma_fence *fence;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_fault_skips_fence_wait(buf))
		return false;
	while (!buf->fence &&
	       (fence = dbr_unsignalled_fence(buf, dbr_fault_usage(buf))))
		if (!dma_fence_add_callback(fence, &buf->fence_cb,
					    dbr_fence_signalled)) {
			WRITE_ONCE(buf->fence, dma_fence_get(fence));
			trace_dbr_fence_awaited(buf, fence);
		}
	return buf->fence;
}

/*
 * Drivers may do nothing for a fence until somebody waits for it (those that preempt). They
 * are awaited one by one, but work side by side.
 */
static void dbr_enable_fences(struct dbr_buffer *buf)
{
	struct dma_resv *resv = buf->dmabuf->resv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_assert_held(resv);

	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, fence)
		dma_fence_enable_signaling(fence);
}

/*
 * Once nobody needs the buffer any more, its owner's reference goes. True, and only
 * once: to be passed to dbr_buffer_unregister() when the lock has been dropped.
 */
static bool dbr_is_to_be_unregistered(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->state != DMABUF_REVOKE_STATE_REVOKED || !buf->orphaned ||
	    buf->unregistered)
		return false;
	/* Its callback would come back to the buffer. */
	WARN_ON_ONCE(buf->fence);
	buf->unregistered = true;
	return true;
}

/* Notes when the last blocker has gone. */
static void dbr_await_blockers(struct dbr_buffer *buf)
{
	ktime_t now;

	dma_resv_assert_held(buf->dmabuf->resv);

	/* Not before all have been invalidated and no CPU mapping is left; only once. */
	if (!buf->zapped || buf->unmapped)
		return;

	if (dbr_await_fence(buf)) {
		buf->fenced = 0;
		return;
	}
	now = ktime_get();
	if (!buf->fenced)
		buf->fenced = now;

	if ((buf->maps || buf->vmaps) && !dbr_fault_skips_unmap_wait(buf))
		return;
	WRITE_ONCE(buf->unmapped, now);
	dbr_late_end(buf);

	if (buf->state == DMABUF_REVOKE_STATE_SUSPENDING)
		dbr_set_state(buf, DMABUF_REVOKE_STATE_SUSPENDED);
}

/* Those of moves are no blockers: nobody has them any more, they are about to be freed. */
static bool dbr_has_old_pages(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	return atomic_read(&buf->old_pages) && !dbr_fault_skips_old_pages(buf);
}

/* As dbr_revoke_advance(). True, and only once: the memory is to be released. */
static bool dbr_revoke_step(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	dbr_await_blockers(buf);
	if (buf->state != DMABUF_REVOKE_STATE_REVOKING || !buf->unmapped ||
	    buf->releasing || dbr_has_old_pages(buf))
		return false;
	buf->releasing = true;
	return true;
}

/**
 * dbr_revoke_advance - take a revoke or suspension as far as its blockers allow
 * @buf: the buffer, in any state; to be called whenever a blocker has gone
 */
void dbr_revoke_advance(struct dbr_buffer *buf)
{
	if (dbr_revoke_step(buf))
		queue_work(dbr_wq, &buf->release_work);
}

/* The last blocker has gone: nobody else touches the pages. */
static void dbr_fill_quarantined(struct dbr_buffer *buf)
{
	if (buf->flags & DMABUF_REVOKE_ALLOC_QUARANTINE)
		dbr_quarantine_fill(buf->pages);
}

/* What is to be released: the buffer's reference; NULL: nothing. */
static struct dbr_pages *dbr_take_pages(struct dbr_buffer *buf)
{
	struct dbr_pages *pages = buf->pages;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->flags & DMABUF_REVOKE_ALLOC_QUARANTINE ||
	    dbr_fault_skips_release(buf))
		return NULL;
	buf->pages = NULL;
	return pages;
}

static void dbr_set_released(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	buf->released = ktime_get();
	trace_dbr_give_back(buf);
	dbr_set_state(buf, DMABUF_REVOKE_STATE_REVOKED);
}

static void dbr_release_work(struct work_struct *work)
{
	struct dbr_buffer *buf = container_of(work, struct dbr_buffer, release_work);
	struct dma_buf *dmabuf = buf->dmabuf;
	struct dbr_pages *pages;
	bool unregister;

	/* The owner's reference stays until REVOKED. */
	get_dma_buf(dmabuf);
	dbr_fill_quarantined(buf);

	dma_resv_lock(dmabuf->resv, NULL);
	pages = dbr_take_pages(buf);
	dma_resv_unlock(dmabuf->resv);
	dbr_pages_put(pages);

	dma_resv_lock(dmabuf->resv, NULL);
	dbr_set_released(buf);
	unregister = dbr_is_to_be_unregistered(buf);
	dma_resv_unlock(dmabuf->resv);

	if (unregister)
		dbr_buffer_unregister(buf);
	dma_buf_put(dmabuf);
}

/* The same, at once. */
static void dbr_release_few(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	dbr_fill_quarantined(buf);
	dbr_pages_put(dbr_take_pages(buf));
	dbr_set_released(buf);
}

static void dbr_revoke_begin(struct dbr_buffer *buf, enum dmabuf_revoke_state state)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	/*
	 * First the state: an importer may try to map again in its callback. Who waits
	 * for a suspension, or to end one, learns that it is for good now.
	 */
	dbr_set_state(buf, state);
	buf->zapped = 0;
	buf->fenced = 0;
	WRITE_ONCE(buf->unmapped, 0);
	buf->released = 0;

	buf->began = ktime_get();
	dbr_invalidate(buf);
	dbr_enable_fences(buf);
	buf->invalidated = ktime_get();
	dbr_zap(buf);
	buf->zapped = ktime_get();

	if (!dbr_revoke_step(buf)) {
		if (!buf->unmapped)
			dbr_late_begin(buf);
	} else if (buf->pages->nr_pages <= DBR_FEW_PAGES) {
		dbr_release_few(buf);
	} else {
		queue_work(dbr_wq, &buf->release_work);
	}
}

static void dbr_old_work(struct work_struct *work)
{
	struct dbr_buffer *buf = container_of(work, struct dbr_buffer, old_work);
	struct dma_buf *dmabuf = buf->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	dbr_revoke_advance(buf);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_put(dmabuf);
}

/* One less to wait for. */
static void dbr_old_pages_freed(void *data)
{
	struct dbr_buffer *buf = data;

	if (!atomic_dec_and_test(&buf->old_pages) ||
	    !queue_work(dbr_step_wq, &buf->old_work))
		dma_buf_put(buf->dmabuf);
}

/**
 * dbr_await_old_pages - the buffer is not REVOKED before these have been freed
 * @buf: the buffer
 * @pages: what a move has replaced; the caller holds a reference
 */
void dbr_await_old_pages(struct dbr_buffer *buf, struct dbr_pages *pages)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	/* dbr_old_pages_freed() drops it. */
	get_dma_buf(buf->dmabuf);
	atomic_inc(&buf->old_pages);
	pages->freed_data = buf;
	pages->freed = dbr_old_pages_freed;
}

static void dbr_fence_work(struct work_struct *work)
{
	struct dbr_buffer *buf = container_of(work, struct dbr_buffer, fence_work);
	struct dma_buf *dmabuf = buf->dmabuf;

	/* The owner's reference stays while buf->fence is set: it is not REVOKED yet. */
	get_dma_buf(dmabuf);

	dma_resv_lock(dmabuf->resv, NULL);
	trace_dbr_fence_done(buf, buf->fence);
	dma_fence_put(buf->fence);
	WRITE_ONCE(buf->fence, NULL);
	dbr_revoke_advance(buf);
	wake_up_all(&buf->wait);
	dma_resv_unlock(dmabuf->resv);

	dma_buf_put(dmabuf);
}

/*
 * The owner is gone: revoke, and drop its reference when done. With the resv lock, which is
 * dropped; the caller holds a dma-buf reference of its own.
 */
static void dbr_orphan_locked(struct dbr_buffer *buf)
{
	bool unregister;

	dma_resv_assert_held(buf->dmabuf->resv);

	buf->orphaned = true;
	if (!dbr_is_taken_back(buf))
		dbr_revoke_begin(buf, DMABUF_REVOKE_STATE_REVOKING);
	unregister = dbr_is_to_be_unregistered(buf);
	dma_resv_unlock(buf->dmabuf->resv);

	if (unregister)
		dbr_buffer_unregister(buf);
}

static void dbr_orphan_work(struct work_struct *work)
{
	struct dbr_buffer *buf = container_of(work, struct dbr_buffer, orphan_work);
	struct dma_buf *dmabuf = buf->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	dbr_orphan_locked(buf);
	dma_buf_put(dmabuf);
}

/**
 * dbr_orphan_later - the owner is gone: revoke, and drop its reference when done
 * @buf: the buffer; consumes a dma-buf reference that is not the owner's
 *
 * Does not wait.
 */
void dbr_orphan_later(struct dbr_buffer *buf)
{
	/* An owner ends once. */
	queue_work(dbr_orphan_wq, &buf->orphan_work);
}

/**
 * dbr_orphan - the same, now
 * @buf: the buffer; the caller holds a dma-buf reference of its own
 *
 * Return: 0, or -ERESTARTSYS: nothing was done.
 */
int dbr_orphan(struct dbr_buffer *buf)
{
	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	dbr_orphan_locked(buf);
	return 0;
}

void dbr_revoke_init(struct dbr_buffer *buf)
{
	buf->state = DMABUF_REVOKE_STATE_LIVE;
	INIT_WORK(&buf->fence_work, dbr_fence_work);
	INIT_WORK(&buf->old_work, dbr_old_work);
	INIT_WORK(&buf->release_work, dbr_release_work);
	INIT_WORK(&buf->orphan_work, dbr_orphan_work);
	INIT_DELAYED_WORK(&buf->late_work, dbr_late_work);
	init_waitqueue_head(&buf->wait);
}

/* 0: it has begun, now or earlier. */
static int dbr_revoke_start(struct dbr_buffer *buf, bool suspend, u32 *already)
{
	int ret = 0;

	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	*already = buf->state == (suspend ? DMABUF_REVOKE_STATE_SUSPENDED :
				  DMABUF_REVOKE_STATE_REVOKED);
	if (!suspend && !dbr_is_taken_back(buf))
		dbr_revoke_begin(buf, DMABUF_REVOKE_STATE_REVOKING);
	else if (suspend && dbr_is_taken_back(buf))
		ret = -ENODEV;
	else if (suspend && buf->state == DMABUF_REVOKE_STATE_LIVE)
		dbr_revoke_begin(buf, DMABUF_REVOKE_STATE_SUSPENDING);
	dma_resv_unlock(buf->dmabuf->resv);
	return ret;
}

static bool dbr_is_in(struct dbr_buffer *buf, enum dmabuf_revoke_state state)
{
	/* Pairs with dbr_set_state(): the phases are complete. */
	return smp_load_acquire(&buf->state) == state;
}

static int dbr_revoke_await(struct dbr_buffer *buf, bool suspend, u64 deadline_ns)
{
	int ret;

	if (suspend)
		return deadline_wait(buf->wait,
				     !dbr_is_in(buf, DMABUF_REVOKE_STATE_SUSPENDING),
				     deadline_ns);

	ret = deadline_wait(buf->wait, dbr_is_in(buf, DMABUF_REVOKE_STATE_REVOKED),
			    deadline_ns);
	/* The deadline is for blockers. Without them the rest is ours to do; no more is asked. */
	if (ret == -ETIMEDOUT && READ_ONCE(buf->unmapped))
		ret = wait_event_killable(buf->wait,
					  dbr_is_in(buf, DMABUF_REVOKE_STATE_REVOKED));
	return ret;
}

/* What the state that is reported means. -ETIMEDOUT: there is something to wait for. */
static int dbr_revoke_outcome(struct dbr_buffer *buf, bool suspend)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (suspend && dbr_is_taken_back(buf))
		return -ENODEV;
	if (buf->state == DMABUF_REVOKE_STATE_REVOKING ||
	    buf->state == DMABUF_REVOKE_STATE_SUSPENDING)
		return -ETIMEDOUT;
	return 0;
}

/**
 * dbr_revoke - take a buffer back, for good or for a while, and wait for its blockers
 * @buf: the buffer; the caller holds a dma-buf reference
 * @arg: what to do and until when to wait; receives how it went
 *
 * Return: 0, -ETIMEDOUT, -ERESTARTSYS, or, of a suspension, -ENODEV if the buffer is
 * revoked, now or meanwhile. After -ETIMEDOUT and -ERESTARTSYS it goes on, and calling
 * again resumes the wait.
 */
int dbr_revoke(struct dbr_buffer *buf, struct dmabuf_revoke_revoke *arg)
{
	bool suspend = arg->flags & DMABUF_REVOKE_REVOKE_SUSPEND;
	int ret, waited;

	ret = dbr_revoke_start(buf, suspend, &arg->already);
	if (ret)
		return ret;
	/* Once more if another suspension began after the one that was awaited. */
	do {
		waited = dbr_revoke_await(buf, suspend, arg->deadline_ns);
		if (waited && waited != -ETIMEDOUT)
			return waited;
		if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
			return -ERESTARTSYS;
		ret = dbr_revoke_outcome(buf, suspend);
		arg->state = buf->state;
		dbr_report(buf, &arg->phases, &arg->pending);
		dma_resv_unlock(buf->dmabuf->resv);
	} while (ret == -ETIMEDOUT && !waited);
	return ret;
}

/* 0: live. -EAGAIN: something has to be waited for. */
static int dbr_try_restore(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_is_taken_back(buf))
		return -ENODEV;
	if (buf->state == DMABUF_REVOKE_STATE_SUSPENDING)
		return -EAGAIN;
	if (buf->state == DMABUF_REVOKE_STATE_SUSPENDED) {
		/* What was added meanwhile must not reach into its new life. */
		if (!buf->fence)
			dbr_enable_fences(buf);
		if (dbr_await_fence(buf))
			return -EAGAIN;
		dbr_fault_restore(buf);
	}
	dbr_set_state(buf, DMABUF_REVOKE_STATE_LIVE);
	return 0;
}

/* Whether dbr_try_restore() may have another answer than to wait. */
static bool dbr_is_to_be_tried(struct dbr_buffer *buf)
{
	if (dbr_is_in(buf, DMABUF_REVOKE_STATE_SUSPENDED))
		return !READ_ONCE(buf->fence);
	return !dbr_is_in(buf, DMABUF_REVOKE_STATE_SUSPENDING);
}

/**
 * dbr_restore - end a suspension, once it is complete
 * @buf: the buffer; the caller holds a dma-buf reference
 * @deadline_ns: CLOCK_MONOTONIC of the caller; 0: do not wait
 *
 * Return: 0, -ENODEV, -ETIMEDOUT, or -ERESTARTSYS.
 */
int dbr_restore(struct dbr_buffer *buf, u64 deadline_ns)
{
	int ret;

	do {
		if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
			return -ERESTARTSYS;
		ret = dbr_try_restore(buf);
		dma_resv_unlock(buf->dmabuf->resv);
		if (ret != -EAGAIN)
			return ret;

		ret = deadline_wait(buf->wait, dbr_is_to_be_tried(buf), deadline_ns);
	} while (!ret);
	return ret;
}
