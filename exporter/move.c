// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replacing the memory of a buffer that stays alive.
 *
 * Importers are invalidated and the new pages are in place before the resv lock is
 * dropped, so nobody has to be refused. A fence of usage KERNEL says when the
 * contents have arrived; it waits for nothing but fences, as a fence must. The old
 * pages live on until the last mapping of them is gone.
 */

#include <linux/atomic.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "deadline.h"
#include "revoke.h"
#include "trace.h"

/* What importers may add in their callback without the move needing more memory; each. */
#define DBR_MOVE_FENCES	2

/* A fence that was on the buffer. */
struct dbr_move_after {
	struct dma_fence *fence;	/* a reference */
	struct dma_fence_cb cb;
	struct dbr_move *move;
};

struct dbr_move {
	struct dma_fence fence;		/* first: dma_fence_free() frees the move */
	struct compat_fence_lock fence_lock;
	struct dbr_buffer *buf;		/* a dma-buf reference, until it signals */
	struct dbr_pages *from;		/* a reference */
	struct dbr_pages *to;		/* a reference */
	struct dbr_move_after *after;
	unsigned int room;		/* in @after */
	unsigned int nr_after;
	atomic_t left;			/* of @after, and one while it is begun */
	struct work_struct work;
	bool over;			/* the old pages are freed, too */
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

static void dbr_move_put_after(struct dbr_move *move)
{
	unsigned int i;

	for (i = 0; i < move->nr_after; i++)
		dma_fence_put(move->after[i].fence);
	kvfree(move->after);
}

static void dbr_move_work(struct work_struct *work)
{
	struct dbr_move *move = container_of(work, struct dbr_move, work);
	struct dbr_buffer *buf = move->buf;
	bool cookie;

	cookie = dma_fence_begin_signalling();
	/* All fences have signalled, so devices are done; but not all have unmapped. */
	dbr_mappings_sync_for_cpu(move->from);
	if (!dbr_fault_skips_copy(buf))
		dbr_pages_copy(move->from, move->to);
	dbr_mappings_arrived(move->to);
	trace_dbr_moved(buf, &move->fence);
	/* The buffer has its own reference: it is waiting for the fence. */
	dbr_pages_put(move->to);
	dma_fence_signal(&move->fence);
	dma_fence_end_signalling(cookie);

	wake_up_all(&buf->wait);
	dbr_pages_put(move->from);
	dbr_move_put_after(move);
	/* Pairs with dbr_move_wait(): what was freed is not counted any more. */
	smp_store_release(&move->over, true);
	wake_up_all(&buf->wait);
	dma_fence_put(&move->fence);
	dma_buf_put(buf->dmabuf);
}

/* One less to wait for. May run in hard interrupt context. */
static void dbr_move_step(struct dbr_move *move)
{
	if (atomic_dec_and_test(&move->left))
		queue_work(dbr_move_wq, &move->work);
}

/* Under the fence's lock. */
static void dbr_move_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dbr_move *move = container_of(cb, struct dbr_move_after, cb)->move;

	trace_dbr_fence_done(move->buf, fence);
	dbr_move_step(move);
}

static void dbr_move_await_one(struct dbr_move_after *after)
{
	if (dma_fence_is_signaled(after->fence)) {
		dbr_move_step(after->move);
		return;
	}
	/* Before its end, which may come at once. */
	trace_dbr_fence_awaited(after->move->buf, after->fence);
	if (dma_fence_add_callback(after->fence, &after->cb, dbr_move_signalled))
		dbr_move_signalled(after->fence, &after->cb);
}

/* Begins to wait for all that is on the buffer. There is room. */
static void dbr_move_await(struct dbr_move *move)
{
	struct dma_resv *resv = move->buf->dmabuf->resv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int i = 0;

	dma_resv_assert_held(resv);

	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, fence) {
		move->after[i].fence = dma_fence_get(fence);
		move->after[i++].move = move;
	}
	move->nr_after = i;

	atomic_set(&move->left, i + 1);
	while (i--)
		dbr_move_await_one(&move->after[i]);
}

/* What is repeated stays so: all of it would be more than there is. */
static int dbr_move_shape(struct dbr_buffer *buf, const struct dmabuf_revoke_move *arg,
			  struct dbr_shape *shape)
{
	bool keeps = buf->shape.kind == DMABUF_REVOKE_SHAPE_REPEATED;
	int ret;

	if (arg->shape == DMABUF_REVOKE_SHAPE_REPEATED)
		return -EINVAL;
	ret = dbr_shape_init(shape, arg->shape, arg->shape_arg,
			     buf->dmabuf->size >> PAGE_SHIFT);
	if (ret || !keeps)
		return ret;
	*shape = buf->shape;
	return arg->shape == DMABUF_REVOKE_SHAPE_DEFAULT ? 0 : -EOPNOTSUPP;
}

static struct dbr_move *dbr_move_create(struct dbr_buffer *buf,
					const struct dbr_shape *shape)
{
	struct dbr_move *move;

	move = kzalloc_obj(*move, GFP_CALLER);
	if (!move)
		return ERR_PTR(-ENOMEM);
	static_assert(offsetof(struct dbr_move, fence) == 0);

	move->to = dbr_pages_alloc(buf->dmabuf->size >> PAGE_SHIFT, shape);
	if (IS_ERR(move->to)) {
		void *err = ERR_CAST(move->to);

		kfree(move);
		return err;
	}
	/* Nobody else knows them yet. */
	move->to->arriving = true;
	move->buf = buf;
	INIT_WORK(&move->work, dbr_move_work);
	dma_fence_init(&move->fence, &dbr_move_ops,
		       compat_fence_lock(&move->fence_lock),
		       dma_fence_context_alloc(1), 1);
	return move;
}

/* One that has not begun. */
static void dbr_move_destroy(struct dbr_move *move)
{
	dbr_pages_put(move->to);
	kvfree(move->after);
	dma_fence_put(&move->fence);
}

static int dbr_move_check(struct dbr_buffer *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);

	if (dbr_is_taken_back(buf))
		return -ENODEV;
	/* Its old pages would be beyond the quarantine's watch. */
	if (buf->flags & DMABUF_REVOKE_ALLOC_QUARANTINE)
		return -EOPNOTSUPP;
	if (buf->state != DMABUF_REVOKE_STATE_LIVE || buf->vmaps)
		return -EBUSY;
	if (buf->pins && !dbr_fault_skips_pin_test(buf))
		return -EBUSY;
	if (dbr_is_moving(buf))
		return -EBUSY;
	return 0;
}

/* Room for the fences that are on the buffer and @more, and on it for as many and ours. */
static int dbr_move_reserve(struct dbr_move *move, unsigned int more)
{
	struct dma_resv *resv = move->buf->dmabuf->resv;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int n = more;

	dma_resv_assert_held(resv);

	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, fence)
		n++;
	if (n > move->room) {
		kvfree(move->after);
		move->after = kvmalloc_array(n, sizeof(*move->after), GFP_CALLER);
		move->room = move->after ? n : 0;
		if (!move->after)
			return -ENOMEM;
	}
	return dma_resv_reserve_fences(resv, 1 + more);
}

/* What importers may add in their callback. */
static unsigned int dbr_fences_to_come(struct dbr_buffer *buf)
{
	struct dma_buf_attachment *attach;
	unsigned int n = 0;

	dma_resv_assert_held(buf->dmabuf->resv);

	list_for_each_entry(attach, &buf->dmabuf->attachments, node)
		n += DBR_MOVE_FENCES;
	return n;
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
	/* Before anybody is invalidated, so that nobody is for nothing. */
	ret = dbr_move_reserve(move, dbr_fences_to_come(buf));
	if (ret)
		return ret;

	dbr_invalidate(buf);
	dbr_zap(buf);

	/* Again: if somebody has added more fences than there is room for. */
	ret = dbr_move_reserve(move, 0);
	if (ret)
		return ret;

	get_dma_buf(buf->dmabuf);
	dma_fence_get(&move->fence);
	move->from = buf->pages;
	if (!dbr_fault_keeps_old_pages(buf, move->from))
		dbr_await_old_pages(buf, move->from);
	buf->pages = dbr_pages_get(move->to);
	buf->generation++;
	dma_fence_put(buf->move);
	buf->move = dma_fence_get(&move->fence);
	trace_dbr_move(buf, buf->move);

	dbr_move_await(move);
	dma_resv_add_fence(resv, &move->fence, DMA_RESV_USAGE_KERNEL);
	dbr_move_step(move);
	return 0;
}

static int dbr_move_check_unlocked(struct dbr_buffer *buf)
{
	int ret;

	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	ret = dbr_move_check(buf);
	dma_resv_unlock(buf->dmabuf->resv);
	return ret;
}

/**
 * dbr_move - give a live buffer other pages, with the same contents
 * @buf: the buffer; the caller holds a dma-buf reference
 * @arg: how; receives the number of the move, which has begun
 *
 * Return: 0, -EBUSY, -ENODEV, -EOPNOTSUPP, -ENOMEM, -EINVAL, -EOVERFLOW, -EINTR,
 * -ERESTARTSYS.
 */
int dbr_move(struct dbr_buffer *buf, struct dmabuf_revoke_move *arg)
{
	struct dbr_shape shape;
	struct dbr_move *move;
	int ret;

	/* It may be large: not for a move that cannot be. */
	ret = dbr_move_shape(buf, arg, &shape) ?: dbr_move_check_unlocked(buf);
	if (ret)
		return ret;
	move = dbr_move_create(buf, &shape);
	if (IS_ERR(move))
		return PTR_ERR(move);

	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL)) {
		ret = -ERESTARTSYS;
		goto err_destroy;
	}
	ret = dbr_move_commit(move);
	arg->moves = buf->generation;
	dma_resv_unlock(buf->dmabuf->resv);
	if (ret)
		goto err_destroy;
	dma_fence_put(&move->fence);
	return 0;

err_destroy:
	dbr_move_destroy(move);
	return ret;
}

/* A reference, or NULL: it is over. Or an ERR_PTR: -EINVAL, -ERESTARTSYS. */
static struct dma_fence *dbr_move_find(struct dbr_buffer *buf, u64 number)
{
	struct dma_fence *fence = NULL;

	if (dma_resv_lock_interruptible(buf->dmabuf->resv, NULL))
		return ERR_PTR(-ERESTARTSYS);
	/* Those before the last have signalled, or it would not have begun. */
	if (number > buf->generation)
		fence = ERR_PTR(-EINVAL);
	else if (number == buf->generation)
		fence = dma_fence_get(buf->move);
	dma_resv_unlock(buf->dmabuf->resv);
	return fence;
}

static bool dbr_move_is_over(const struct dbr_move *move)
{
	/* Pairs with dbr_move_work(): what was freed is not counted any more. */
	return smp_load_acquire(&move->over);
}

/**
 * dbr_move_wait - wait until the contents have been copied
 * @buf: the buffer; the caller holds a dma-buf reference
 * @number: of the move
 * @deadline_ns: CLOCK_MONOTONIC; 0: do not wait for the copy
 *
 * Return: 0, -EINVAL, -ERESTARTSYS, or -ETIMEDOUT: the move goes on.
 */
int dbr_move_wait(struct dbr_buffer *buf, u64 number, u64 deadline_ns)
{
	struct dma_fence *fence = dbr_move_find(buf, number);
	struct dbr_move *move;
	int ret;

	if (IS_ERR_OR_NULL(fence))
		return PTR_ERR_OR_ZERO(fence);
	move = container_of(fence, struct dbr_move, fence);
	ret = deadline_wait(buf->wait, dma_fence_is_signaled(fence), deadline_ns);
	/* The deadline is for the fences. To free the old pages is up to us. */
	if (!ret)
		ret = wait_event_killable(buf->wait, dbr_move_is_over(move));
	dma_fence_put(fence);
	return ret;
}
