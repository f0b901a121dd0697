// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replacing the memory of a buffer that stays alive.
 *
 * Importers are told and the new pages are in place before the resv lock is
 * dropped, so nobody has to be refused. A fence of usage KERNEL says when the
 * contents have arrived; it waits for nothing but fences, as a fence must. The old
 * pages live on until the last mapping of them is gone.
 */

#include <linux/slab.h>

#include "deadline.h"
#include "exporter.h"

struct dbr_move {
	struct dma_fence fence;		/* first: dma_fence_free() frees the move */
	struct compat_fence_lock fence_lock;
	struct dbr_buffer *buf;		/* a dma-buf reference, until it signals */
	struct dbr_pages *from;		/* a reference */
	struct dbr_pages *to;		/* a reference */
	struct dma_fence *after;	/* what was on the buffer; a reference */
	struct dma_fence_cb after_cb;
	struct work_struct work;
};

static const char *dbr_move_driver_name(struct dma_fence *fence)
{
	return "dmabuf-revoke-exporter";
}

static const char *dbr_move_timeline_name(struct dma_fence *fence)
{
	return "move";
}

static const struct dma_fence_ops dbr_move_ops = {
	.get_driver_name = dbr_move_driver_name,
	.get_timeline_name = dbr_move_timeline_name,
	.release = compat_fence_release,
};

static void dbr_move_work(struct work_struct *work)
{
	struct dbr_move *move = container_of(work, struct dbr_move, work);
	struct dbr_buffer *buf = move->buf;
	bool cookie;

	cookie = dma_fence_begin_signalling();
	if (!dbr_has_fault(buf, DMABUF_REVOKE_FAULT_MOVE_NO_COPY))
		dbr_pages_copy(move->from, move->to);
	/* The buffer has its own reference: it is waiting for the fence. */
	dbr_pages_put(move->to);
	dma_fence_signal(&move->fence);
	dma_fence_end_signalling(cookie);

	wake_up_all(&buf->wait);
	dbr_pages_put(move->from);
	dma_fence_put(move->after);
	dma_fence_put(&move->fence);
	dma_buf_put(buf->dmabuf);
}

/* May run in hard interrupt context, under the fence's lock. */
static void dbr_move_go(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	queue_work(dbr_wq, &container_of(cb, struct dbr_move, after_cb)->work);
}

static struct dbr_move *dbr_move_create(struct dbr_buffer *buf)
{
	struct dbr_move *move;

	move = kzalloc_obj(*move, GFP_KERNEL_ACCOUNT);
	if (!move)
		return ERR_PTR(-ENOMEM);
	static_assert(offsetof(struct dbr_move, fence) == 0);

	move->to = dbr_pages_alloc(buf->dmabuf->size >> PAGE_SHIFT);
	if (IS_ERR(move->to)) {
		void *err = ERR_CAST(move->to);

		kfree(move);
		return err;
	}
	move->buf = buf;
	INIT_WORK(&move->work, dbr_move_work);
	dma_fence_init(&move->fence, &dbr_move_ops,
		       compat_fence_lock(&move->fence_lock),
		       dma_fence_context_alloc(1), 1);
	return move;
}

static int dbr_move_check(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->state == DMABUF_REVOKE_STATE_REVOKING ||
	    buf->state == DMABUF_REVOKE_STATE_REVOKED)
		return -ENODEV;
	/* Its old pages would be beyond the quarantine's watch. */
	if (buf->flags & DMABUF_REVOKE_ALLOC_QUARANTINE)
		return -EOPNOTSUPP;
	if (buf->state != DMABUF_REVOKE_STATE_LIVE || buf->vmaps)
		return -EBUSY;
	if (buf->pins && !dbr_has_fault(buf, DMABUF_REVOKE_FAULT_MOVE_PINNED))
		return -EBUSY;
	if (buf->move && !dma_fence_is_signaled(buf->move))
		return -EBUSY;
	return 0;
}

/* Nothing can fail once the pages are exchanged. */
static int dbr_move_commit(struct dbr_move *move)
{
	struct dbr_buffer *buf = move->buf;
	struct dma_resv *resv = buf->dmabuf->resv;
	int ret;

	dma_resv_assert_held(resv);

	ret = dbr_move_check(buf);
	if (ret)
		return ret;

	dbr_tell(buf);
	dbr_zap(buf);

	/* Only now: importers may have added fences when they were told. */
	ret = dma_resv_reserve_fences(resv, 1);
	if (ret)
		return ret;
	ret = dma_resv_get_singleton(resv, DMA_RESV_USAGE_BOOKKEEP, &move->after);
	if (ret)
		return ret;

	move->from = buf->pages;
	if (dbr_has_fault(buf, DMABUF_REVOKE_FAULT_NO_ZAP)) {
		/* CPU mappings still lead there, without a reference. */
		move->from->next = buf->kept;
		buf->kept = dbr_pages_get(move->from);
	}
	buf->pages = dbr_pages_get(move->to);
	buf->generation++;
	dma_fence_put(buf->move);
	buf->move = dma_fence_get(&move->fence);
	dma_resv_add_fence(resv, &move->fence, DMA_RESV_USAGE_KERNEL);

	get_dma_buf(buf->dmabuf);
	dma_fence_get(&move->fence);
	if (!move->after ||
	    dma_fence_add_callback(move->after, &move->after_cb, dbr_move_go))
		queue_work(dbr_wq, &move->work);
	return 0;
}

/**
 * dbr_move - give a live buffer other pages, with the same contents
 * @buf: the buffer; the caller holds a dma-buf reference
 * @deadline_ns: CLOCK_MONOTONIC; 0: do not wait for the copy
 *
 * Return: 0, -EBUSY, -ENODEV, -ENOMEM, -EINTR, -ERESTARTSYS, or -ETIMEDOUT: the
 * move goes on.
 */
int dbr_move(struct dbr_buffer *buf, u64 deadline_ns)
{
	struct dbr_move *move;
	int ret;

	move = dbr_move_create(buf);
	if (IS_ERR(move))
		return PTR_ERR(move);

	dma_resv_lock(buf->dmabuf->resv, NULL);
	ret = dbr_move_commit(move);
	dma_resv_unlock(buf->dmabuf->resv);

	if (ret) {
		dbr_pages_put(move->to);
		goto out_put;
	}
	ret = deadline_wait(buf->wait, dma_fence_is_signaled(&move->fence),
			    deadline_ns);
	/* The deadline is for the fences. The old pages are ours to give back. */
	if (!ret)
		flush_work(&move->work);
	/* A restarted call would move it again. */
	if (ret == -ERESTARTSYS)
		ret = -EINTR;
out_put:
	dma_fence_put(&move->fence);
	return ret;
}
