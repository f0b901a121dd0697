// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking a buffer back, for good or for a while.
 *
 * Whoever begins it tells the importers and takes down the CPU mappings. From then
 * on it advances by itself, each time something that it waits for has gone: a fence
 * by its callback, a mapping by its unmap. Nobody holds the resv lock while
 * waiting, so importers can take it to finish and to unmap; and nobody has to wait
 * at all, so the owner can go away in the middle.
 */

#include <linux/delay.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>

#include "deadline.h"
#include "exporter.h"

/* In pages: what is given back by whoever has it revoked, if there are no blockers. */
#define DBR_FEW_PAGES	256

/* May run in hard interrupt context, under the fence's lock. */
static void dbr_fence_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dbr_buffer *buf = container_of(cb, struct dbr_buffer, fence_cb);

	queue_work(dbr_wq, &buf->fence_work);
}

/* Arms fence_work for a fence that has not signalled. False: there is none. */
static bool dbr_await_fence(struct dbr_buffer *buf)
{
	enum dma_resv_usage usage = DMA_RESV_USAGE_BOOKKEEP;
	struct dma_fence *fence;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_FENCE_WAIT))
		return false;
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_WEAK_FENCE_WAIT))
		usage = DMA_RESV_USAGE_READ;
	while (!buf->fence && (fence = dbr_unsignalled_fence(buf, usage)))
		if (!dma_fence_add_callback(fence, &buf->fence_cb,
					    dbr_fence_signalled))
			buf->fence = dma_fence_get(fence);
	return buf->fence;
}

/*
 * Once nobody needs the buffer any more, its owner's reference goes. True, and only
 * once: to be passed to dbr_buffer_forget() when the lock has been dropped.
 */
static bool dbr_is_to_be_forgotten(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->state != DMABUF_REVOKE_STATE_REVOKED || !buf->orphaned ||
	    buf->forgotten)
		return false;
	/* Its callback would come back to the buffer. */
	WARN_ON_ONCE(buf->fence);
	buf->forgotten = true;
	return true;
}

static void dbr_set_state(struct dbr_buffer *buf, enum dmabuf_revoke_state state)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	/* Pairs with the acquire of those who wait without the lock. */
	smp_store_release(&buf->state, state);
	if (wq_has_sleeper(&buf->wait))
		wake_up_all(&buf->wait);
}

/* As dbr_revoke_advance(). True, and only once: the memory is to be given back. */
static bool dbr_revoke_step(struct dbr_buffer *buf)
{
	ktime_t now;

	dma_resv_assert_held(buf->dmabuf->resv);

	/* Not before all have been told and no CPU mapping is left; only once. */
	if (!buf->zapped || buf->unmapped)
		return false;

	if (dbr_await_fence(buf)) {
		buf->fenced = 0;
		return false;
	}
	now = ktime_get();
	if (!buf->fenced)
		buf->fenced = now;

	if (!dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_UNMAP_WAIT) &&
	    (buf->maps || buf->vmaps))
		return false;
	buf->unmapped = now;
	dbr_late_end(buf);

	if (buf->state != DMABUF_REVOKE_STATE_SUSPENDING)
		return true;
	dbr_set_state(buf, DMABUF_REVOKE_STATE_SUSPENDED);
	return false;
}

/**
 * dbr_revoke_advance - take a revoke or suspension as far as its blockers allow
 * @buf: the buffer, in any state; to be called whenever a blocker has gone
 */
void dbr_revoke_advance(struct dbr_buffer *buf)
{
	if (dbr_revoke_step(buf))
		queue_work(dbr_wq, &buf->give_work);
}

/* Each revocable importer, once. */
void dbr_tell(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	buf->telling = true;
	if (!dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_TELL))
		dma_buf_invalidate_mappings(buf->dmabuf);
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_TELL_TWICE))
		dma_buf_invalidate_mappings(buf->dmabuf);
	buf->telling = false;
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_HOLD_LOCK))
		msleep(DBR_FAULT_DELAY_MS);
}

/* Faults take the resv lock, so none can bring back what is taken down here. */
void dbr_zap(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (!dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_ZAP))
		unmap_mapping_range(buf->dmabuf->file->f_mapping, 0, 0, 1);
}

/*
 * True: there are no blockers, and so few pages that the caller need not wait for a worker
 * to give them back: it calls dbr_give_back() when it has dropped the lock.
 */
static bool dbr_revoke_begin(struct dbr_buffer *buf, enum dmabuf_revoke_state state)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	/*
	 * First the state: an importer that is told may try to map at once. Who waits
	 * for a suspension, or to end one, learns that it is for good now.
	 */
	dbr_set_state(buf, state);
	buf->zapped = 0;
	buf->fenced = 0;
	buf->unmapped = 0;
	buf->given_back = 0;

	buf->began = ktime_get();
	dbr_tell(buf);
	buf->told = ktime_get();
	dbr_zap(buf);
	buf->zapped = ktime_get();
	if (!dbr_revoke_step(buf)) {
		if (!buf->unmapped)
			dbr_late_begin(buf);
		return false;
	}
	if (buf->pages->nr_pages <= DBR_FEW_PAGES)
		return true;
	queue_work(dbr_wq, &buf->give_work);
	return false;
}

static void dbr_fence_work(struct work_struct *work)
{
	struct dbr_buffer *buf = container_of(work, struct dbr_buffer, fence_work);
	struct dma_buf *dmabuf = buf->dmabuf;

	/* The owner's reference stays while buf->fence is set: it is not REVOKED yet. */
	get_dma_buf(dmabuf);

	dma_resv_lock(dmabuf->resv, NULL);
	dma_fence_put(buf->fence);
	WRITE_ONCE(buf->fence, NULL);
	dbr_revoke_advance(buf);
	wake_up_all(&buf->wait);
	dma_resv_unlock(dmabuf->resv);

	dma_buf_put(dmabuf);
}

/* Deliberate bugs that leave somebody with access: the memory stays. */
#define DBR_FAULTS_KEEP_MEMORY	(DMABUF_REVOKE_FAULT_NO_ZAP |		\
				 DMABUF_REVOKE_FAULT_LATE_MAP |		\
				 DMABUF_REVOKE_FAULT_KEEP_MEMORY)

/*
 * The last blocker has gone: nobody else touches the pages. Once. The caller holds a
 * dma-buf reference.
 */
static void dbr_give_back(struct dbr_buffer *buf)
{
	bool quarantine = buf->flags & DMABUF_REVOKE_ALLOC_QUARANTINE;
	struct dbr_pages *pages = NULL;
	struct dma_buf *dmabuf = buf->dmabuf;
	bool forget;

	if (quarantine)
		dbr_quarantine_fill(buf->pages);
	else if (!dbr_has_fault(buf, DBR_FAULTS_KEEP_MEMORY))
		pages = buf->pages;

	dma_resv_lock(dmabuf->resv, NULL);
	if (pages)
		buf->pages = NULL;
	dma_resv_unlock(dmabuf->resv);
	dbr_pages_put(pages);

	dma_resv_lock(dmabuf->resv, NULL);
	buf->given_back = ktime_get();
	dbr_set_state(buf, DMABUF_REVOKE_STATE_REVOKED);
	forget = dbr_is_to_be_forgotten(buf);
	dma_resv_unlock(dmabuf->resv);

	if (forget)
		dbr_buffer_forget(buf);
}

static void dbr_give_work(struct work_struct *work)
{
	struct dbr_buffer *buf = container_of(work, struct dbr_buffer, give_work);
	struct dma_buf *dmabuf = buf->dmabuf;

	/* The owner's reference stays until REVOKED. */
	get_dma_buf(dmabuf);
	dbr_give_back(buf);
	dma_buf_put(dmabuf);
}

void dbr_revoke_init(struct dbr_buffer *buf)
{
	buf->state = DMABUF_REVOKE_STATE_LIVE;
	INIT_WORK(&buf->fence_work, dbr_fence_work);
	INIT_WORK(&buf->give_work, dbr_give_work);
	INIT_DELAYED_WORK(&buf->late_work, dbr_late_work);
	init_waitqueue_head(&buf->wait);
}

static bool dbr_is_in(struct dbr_buffer *buf, enum dmabuf_revoke_state state)
{
	/* Pairs with dbr_set_state(): the phases are complete. */
	return smp_load_acquire(&buf->state) == state;
}

static bool dbr_is_taken_back(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	return buf->state == DMABUF_REVOKE_STATE_REVOKING ||
	       buf->state == DMABUF_REVOKE_STATE_REVOKED;
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
	bool give_back = false;
	int ret;

	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	*already = buf->state == DMABUF_REVOKE_STATE_REVOKED;
	if (!dbr_is_taken_back(buf))
		give_back = dbr_revoke_begin(buf, DMABUF_REVOKE_STATE_REVOKING);
	dma_resv_unlock(buf->dmabuf->resv);
	if (give_back)
		dbr_give_back(buf);

	ret = deadline_wait(buf->wait,
			    dbr_is_in(buf, DMABUF_REVOKE_STATE_REVOKED),
			    deadline_ns);
	/* The deadline is for blockers. Without them the rest is ours to do. */
	if (ret == -ETIMEDOUT && READ_ONCE(buf->unmapped)) {
		wait_event(buf->wait,
			   dbr_is_in(buf, DMABUF_REVOKE_STATE_REVOKED));
		ret = 0;
	}
	return ret;
}

/**
 * dbr_suspend - take a buffer back for a while, and wait for its blockers
 * @buf: the buffer; the caller holds a dma-buf reference
 * @deadline_ns: CLOCK_MONOTONIC; 0: do not wait
 * @already: receives whether it had been suspended completely before
 *
 * Return: as dbr_revoke(); -ENODEV if it is revoked, now or meanwhile.
 */
int dbr_suspend(struct dbr_buffer *buf, u64 deadline_ns, bool *already)
{
	int ret = 0;

	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	*already = buf->state == DMABUF_REVOKE_STATE_SUSPENDED;
	if (dbr_is_taken_back(buf))
		ret = -ENODEV;
	else if (buf->state == DMABUF_REVOKE_STATE_LIVE)
		dbr_revoke_begin(buf, DMABUF_REVOKE_STATE_SUSPENDING);
	dma_resv_unlock(buf->dmabuf->resv);
	if (ret)
		return ret;

	ret = deadline_wait(buf->wait,
			    !dbr_is_in(buf, DMABUF_REVOKE_STATE_SUSPENDING),
			    deadline_ns);
	if (!ret && !dbr_is_in(buf, DMABUF_REVOKE_STATE_SUSPENDED) &&
	    !dbr_is_in(buf, DMABUF_REVOKE_STATE_LIVE))
		ret = -ENODEV;
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
	/* What was added while it was suspended must not reach into its new life. */
	if (buf->state == DMABUF_REVOKE_STATE_SUSPENDED && dbr_await_fence(buf))
		return -EAGAIN;
	dbr_set_state(buf, DMABUF_REVOKE_STATE_LIVE);
	return 0;
}

/**
 * dbr_restore - end a suspension, once it is complete
 * @buf: the buffer; the caller holds a dma-buf reference
 * @deadline_ns: CLOCK_MONOTONIC; 0: do not wait
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

		ret = deadline_wait(buf->wait,
				    !dbr_is_in(buf, DMABUF_REVOKE_STATE_SUSPENDING) &&
				    !READ_ONCE(buf->fence), deadline_ns);
	} while (!ret);
	return ret;
}

/**
 * dbr_revoke_orphan - the owner is gone: revoke, and drop its reference when done
 * @buf: the buffer; the caller holds a dma-buf reference of its own
 * @few: there is time to give few pages back
 *
 * Does not wait.
 */
void dbr_revoke_orphan(struct dbr_buffer *buf, bool few)
{
	bool give_back = false, forget;

	dma_resv_lock(buf->dmabuf->resv, NULL);
	buf->orphaned = true;
	if (!dbr_is_taken_back(buf))
		give_back = dbr_revoke_begin(buf, DMABUF_REVOKE_STATE_REVOKING);
	forget = dbr_is_to_be_forgotten(buf);
	dma_resv_unlock(buf->dmabuf->resv);

	if (give_back && few)
		dbr_give_back(buf);
	else if (give_back)
		queue_work(dbr_wq, &buf->give_work);
	if (forget)
		dbr_buffer_forget(buf);
}
