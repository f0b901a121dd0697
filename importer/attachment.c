// SPDX-License-Identifier: GPL-2.0-only
/*
 * An attachment: a file that is attached to a dma-buf until it is closed.
 */

#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "importer.h"

/**
 * dbi_attachment_map - map for the device; jobs may run from then on
 * @att: the attachment
 * @dir: who writes
 *
 * Return: 0, -EBUSY, -ENODEV, -EOPNOTSUPP, or what the exporter returns.
 */
int dbi_attachment_map(struct dbi_attachment *att, enum dma_data_direction dir)
{
	struct sg_table *table;

	dma_resv_assert_held(att->dmabuf->resv);

	if (att->dead)
		return -ENODEV;
	if (att->table)
		return -EBUSY;

	table = dma_buf_map_attachment(att->attach, dir);
	if (IS_ERR(table))
		return PTR_ERR(table);
	if (!dbi_engine_reaches(table, att->dmabuf->size)) {
		dma_buf_unmap_attachment(att->attach, table, dir);
		return -EOPNOTSUPP;
	}

	att->table = table;
	att->dir = dir;
	att->maps++;
	dbi_engine_start(att);
	dbi_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	return 0;
}

static void dbi_attachment_unmap(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	dbi_misbehave_unmap(att);
	dma_buf_unmap_attachment(att->attach, att->table, att->dir);
	att->table = NULL;
	att->unmaps++;
	att->unmapped_at = ktime_get();
	dbi_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);
}

static void dbi_attachment_unpin(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	dma_buf_unpin(att->attach);
	att->pinned = false;
}

/**
 * dbi_attachment_let_go - give back what an invalidation asks for
 * @att: the attachment; the engine does not use the mapping any more
 */
void dbi_attachment_let_go(struct dbi_attachment *att)
{
	dma_resv_assert_held(att->dmabuf->resv);

	if (dbi_misbehaves(att, DMABUF_REVOKE_MISBEHAVE_NO_UNMAP))
		return;
	if (att->table)
		dbi_attachment_unmap(att);
	if (att->dead && att->pinned &&
	    !dbi_misbehaves(att, DMABUF_REVOKE_MISBEHAVE_KEEP_PIN))
		dbi_attachment_unpin(att);
	att->invalid = false;
	dbi_misbehave_let_go(att);
}

/* To unmap from a worker, at once unless it is to be late. */
void dbi_attachment_queue_unmap(struct dbi_attachment *att)
{
	unsigned long delay = 0;

	if (dbi_misbehaves(att, DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP))
		delay = nsecs_to_jiffies(att->delay_ns);
	queue_delayed_work(dbi_unmap_wq, &att->unmap_work, delay);
}

/* The fence of the last job has signalled, so nobody waits for us to be quick. */
static void dbi_unmap_work(struct work_struct *work)
{
	struct dbi_attachment *att = container_of(to_delayed_work(work),
						  struct dbi_attachment,
						  unmap_work);

	dma_resv_lock(att->dmabuf->resv, NULL);
	if (att->invalid)
		dbi_attachment_let_go(att);
	dma_resv_unlock(att->dmabuf->resv);
}

static int dbi_attachment_pin(struct dbi_attachment *att)
{
	int ret;

	dma_resv_lock(att->dmabuf->resv, NULL);
	ret = dma_buf_pin(att->attach);
	att->pinned = !ret;
	dma_resv_unlock(att->dmabuf->resv);
	return ret;
}

static struct dbi_attachment *
dbi_attachment_alloc(struct dma_buf *dmabuf,
		     const struct dmabuf_revoke_attach *arg)
{
	struct dbi_attachment *att;

	att = kzalloc_obj(*att, GFP_CALLER);
	if (!att)
		return NULL;
	att->kind = dbi_kind_find(arg->kind);
	att->kind_id = arg->kind;
	att->flags = arg->flags;
	att->misbehave = arg->misbehave;
	att->delay_ns = arg->delay_ns;
	if (att->misbehave & (DMABUF_REVOKE_MISBEHAVE_LATE_UNMAP |
			      DMABUF_REVOKE_MISBEHAVE_NEW_DMA))
		att->flags |= DMABUF_REVOKE_ATTACH_DEFER_UNMAP;
	att->dmabuf = dmabuf;
	att->fence_context = dma_fence_context_alloc(1);
	mutex_init(&att->vmap_lock);
	mutex_init(&att->submit_lock);
	mutex_init(&att->read_lock);
	xa_init(&att->jobs);
	spin_lock_init(&att->lock);
	INIT_LIST_HEAD(&att->queue);
	INIT_WORK(&att->engine_work, dbi_engine_work);
	INIT_DELAYED_WORK(&att->unmap_work, dbi_unmap_work);
	init_waitqueue_head(&att->wait);
	return att;
}

/**
 * dbi_attachment_teach_lockdep - take the locks once, in their order
 *
 * lockdep reports an inversion when it has seen both orders. The right one is to be
 * known from the start, so that the first wrong one is reported.
 *
 * Return: 0, or -ENOMEM.
 */
int __init dbi_attachment_teach_lockdep(void)
{
	const struct dmabuf_revoke_attach arg = {};
	struct dbi_attachment *att;
	struct dma_resv resv;
	bool cookie;

	if (!IS_ENABLED(CONFIG_PROVE_LOCKING))
		return 0;
	att = dbi_attachment_alloc(NULL, &arg);
	if (!att)
		return -ENOMEM;
	dma_resv_init(&resv);

	mutex_lock(&att->submit_lock);
	dma_resv_lock(&resv, NULL);
	/* The callback runs under the resv lock, the engine signals fences. */
	spin_lock(&att->lock);
	spin_unlock(&att->lock);
	dma_resv_unlock(&resv);
	mutex_unlock(&att->submit_lock);

	mutex_lock(&att->vmap_lock);
	dma_resv_lock(&resv, NULL);
	dma_resv_unlock(&resv);
	mutex_unlock(&att->vmap_lock);

	mutex_lock(&att->read_lock);
	might_fault();
	mutex_unlock(&att->read_lock);

	cookie = dma_fence_begin_signalling();
	spin_lock(&att->lock);
	spin_unlock(&att->lock);
	dma_fence_end_signalling(cookie);

	dma_resv_fini(&resv);
	kfree(att);
	return 0;
}

/**
 * dbi_attachment_create - attach, and pin if the kind does
 * @dmabuf: to what; on success the reference is consumed
 * @arg: how; checked
 *
 * Return: the attachment, or an ERR_PTR with what the exporter returned, or
 * -ENOMEM.
 */
struct dbi_attachment *
dbi_attachment_create(struct dma_buf *dmabuf,
		      const struct dmabuf_revoke_attach *arg)
{
	struct dbi_attachment *att;
	int ret;

	/* Complete before attaching: the callback may be called during it. */
	att = dbi_attachment_alloc(dmabuf, arg);
	if (!att)
		return ERR_PTR(-ENOMEM);
	ret = dbi_misbehave_begin(att);
	if (ret)
		goto err_free;

	if (att->kind->ops)
		att->attach = dma_buf_dynamic_attach(dmabuf, dbi_device,
						     att->kind->ops, att);
	else
		att->attach = dma_buf_attach(dmabuf, dbi_device);
	if (IS_ERR(att->attach)) {
		ret = PTR_ERR(att->attach);
		goto err_rogue;
	}

	if (att->kind->pins) {
		ret = dbi_attachment_pin(att);
		if (ret)
			goto err_detach;
	}
	atomic64_inc(&dbi_nr_attachments);
	return att;

err_detach:
	dma_buf_detach(dmabuf, att->attach);
err_rogue:
	dbi_misbehave_end(att);
err_free:
	kfree(att);
	return ERR_PTR(ret);
}

/* Stops the device, gives back everything, and drops the dma-buf. */
void dbi_attachment_destroy(struct dbi_attachment *att)
{
	struct dma_buf *dmabuf = att->dmabuf;

	dbi_vmap_end(att);
	dbi_engine_close(att);
	/* What ran last may still be on its way out of the work function. */
	cancel_work_sync(&att->engine_work);

	dma_resv_lock(dmabuf->resv, NULL);
	if (att->table)
		dbi_attachment_unmap(att);
	if (att->pinned)
		dbi_attachment_unpin(att);
	att->invalid = false;
	dma_resv_unlock(dmabuf->resv);

	/* After this the callback is not called any more, nor unmap_work queued. */
	dma_buf_detach(dmabuf, att->attach);
	cancel_delayed_work_sync(&att->unmap_work);
	dbi_misbehave_end(att);
	dma_buf_put(dmabuf);

	dbi_jobs_free(att);
	kfree(att);
	atomic64_dec(&dbi_nr_attachments);
}

static int dbi_ioctl_map(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_map *arg = ucmd->arg;
	int ret;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	if (arg->direction > DMABUF_REVOKE_FROM_DEVICE)
		return -EINVAL;

	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	ret = dbi_attachment_map(att, (enum dma_data_direction)arg->direction);
	dma_resv_unlock(att->dmabuf->resv);
	return ret;
}

static int dbi_ioctl_unmap(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_unmap *arg = ucmd->arg;
	int ret = 0;

	if (arg->flags)
		return -EINVAL;

	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	if (!att->table)
		ret = -ENXIO;
	else if (dbi_engine_busy(att))
		ret = -EBUSY;
	else if (att->invalid)
		dbi_attachment_let_go(att);
	else
		dbi_attachment_unmap(att);
	/* Only one that misbehaves has kept it. */
	if (!ret && att->table)
		ret = -EBUSY;
	dma_resv_unlock(att->dmabuf->resv);
	return ret;
}

/* What only the resv lock keeps still. */
static void dbi_status_fill(struct dbi_attachment *att,
			    struct dmabuf_revoke_status *arg)
{
	dma_resv_assert_held(att->dmabuf->resv);

	if (att->table && att->invalid)
		arg->state = DMABUF_REVOKE_ATTACHMENT_INVALIDATED;
	else if (att->dead)
		arg->state = DMABUF_REVOKE_ATTACHMENT_DEAD;
	else if (att->table)
		arg->state = DMABUF_REVOKE_ATTACHMENT_MAPPED;
	else
		arg->state = DMABUF_REVOKE_ATTACHMENT_IDLE;

	arg->direction = att->table ? att->dir : 0;
	arg->segments = att->table ? att->table->nents : 0;
	arg->pinned = att->pinned;
	arg->remap_error = att->remap_error;
	arg->maps = att->maps;
	arg->unmaps = att->unmaps;
	arg->invalidations = att->invalidations;
	arg->invalidated_ns = ktime_to_ns(att->invalidated_at);
	arg->unmapped_ns = ktime_to_ns(att->unmapped_at);
}

static int dbi_ioctl_status(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_status *arg = ucmd->arg;

	if (arg->flags)
		return -EINVAL;

	arg->kind = att->kind_id;
	arg->attach_flags = att->flags;
	arg->misbehave = att->misbehave;
	arg->length = att->dmabuf->size;

	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	dbi_status_fill(att, arg);
	dma_resv_unlock(att->dmabuf->resv);

	mutex_lock(&att->vmap_lock);
	arg->vmapped = !iosys_map_is_null(&att->vmap);
	mutex_unlock(&att->vmap_lock);

	spin_lock(&att->lock);
	arg->jobs_uncollected = att->nr_ended;
	arg->jobs_running = att->nr_running;
	arg->events_lost = att->events_lost;
	dbi_engine_status(att, &arg->running, &arg->passes);
	spin_unlock(&att->lock);
	return ucmd_respond(ucmd);
}

static const struct ucmd_op dbi_attachment_ops[] = {
	UCMD_OP(DMABUF_REVOKE_IOC_MAP, dmabuf_revoke_map, reserved,
		dbi_ioctl_map),
	UCMD_OP(DMABUF_REVOKE_IOC_UNMAP, dmabuf_revoke_unmap, flags,
		dbi_ioctl_unmap),
	UCMD_OP(DMABUF_REVOKE_IOC_SUBMIT, dmabuf_revoke_submit, job,
		dbi_job_submit),
	UCMD_OP(DMABUF_REVOKE_IOC_WAIT, dmabuf_revoke_wait, ended_ns,
		dbi_job_wait),
	UCMD_OP(DMABUF_REVOKE_IOC_STATUS, dmabuf_revoke_status, passes,
		dbi_ioctl_status),
	UCMD_OP(DMABUF_REVOKE_IOC_VMAP, dmabuf_revoke_vmap, reserved, dbi_vmap),
	UCMD_OP(DMABUF_REVOKE_IOC_VUNMAP, dmabuf_revoke_vmap, reserved,
		dbi_vunmap),
};

static long dbi_attachment_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	return ucmd_dispatch(file, cmd, arg, dbi_attachment_ops,
			     ARRAY_SIZE(dbi_attachment_ops));
}

static int dbi_attachment_release(struct inode *inode, struct file *file)
{
	dbi_attachment_destroy(file->private_data);
	return 0;
}

const struct file_operations dbi_attachment_fops = {
	.owner = THIS_MODULE,
	.read = dbi_events_read,
	.poll = dbi_events_poll,
	.unlocked_ioctl = dbi_attachment_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = dbi_attachment_release,
};
