// SPDX-License-Identifier: GPL-2.0-only
/*
 * An attachment: a file that is attached to a dma-buf until it is closed.
 */

#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "hooks.h"
#include "importer.h"
#include "timens.h"
#include "trace.h"

atomic64_t dbi_nr_attachments;
/* Of what waits for works of dbi_unmap_wq. */
struct workqueue_struct *dbi_end_wq;

static int dbi_attachment_pin(struct dbi_attachment *att)
{
	int ret;

	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	ret = dma_buf_pin(att->attach);
	att->pinned = !ret;
	trace_dbi_pin(att, ret);
	dma_resv_unlock(att->dmabuf->resv);
	return ret;
}

/*
 * Attaching takes the resv lock, and no signal ends that. So who finds it held waits for
 * it here first.
 */
static int dbi_attachment_await(struct dma_buf *dmabuf)
{
	if (dma_resv_lock_interruptible(dmabuf->resv, NULL))
		return -ERESTARTSYS;
	dma_resv_unlock(dmabuf->resv);
	return 0;
}

/* Before it is attached, and after: what only hardware takes. */
static int dbi_attachment_open_engine(struct dbi_attachment *att)
{
	return dbi_is_real(att) ? dbi_dmaengine_open(att) : 0;
}

static void dbi_attachment_close_engine(struct dbi_attachment *att)
{
	if (dbi_is_real(att))
		dbi_dmaengine_close(att);
}

/* First: an exporter may hold the resv lock until our fences signal. */
static void dbi_attachment_stop(struct dbi_attachment *att)
{
	dbi_engine_close(att);
	dbi_jobs_ended(att);
}

static void dbi_attachment_unmap(struct dbi_attachment *att)
{
	dbi_mappings_end(att);
	dbi_engine_end(att);
}

/* Afterwards the callback is not called any more, and the device may go. */
static void dbi_attachment_detach(struct dbi_attachment *att)
{
	wait_event(att->wait, dbi_mappings_are_gone(att));
	trace_dbi_detach(att, att->attach);
	dma_buf_detach(att->dmabuf, att->attach);
	dbi_after_detach(att);
	dbi_attachment_close_engine(att);
	dbi_device_put(att->device);
}

/* The CPU's mapping stays when the device goes, which whoever evicts may not be done with. */
static void dbi_attachment_end_vmap(struct dbi_attachment *att)
{
	if (att->evicted)
		wait_for_completion(&att->detached);
	dbi_vmap_end(att);
}

/* Each takes the resv lock. */
static void (*const dbi_attachment_ends[DBI_ENDS])(struct dbi_attachment *att) = {
	[DBI_END_ROGUE] = dbi_before_detach,
	[DBI_END_MAPPINGS] = dbi_attachment_unmap,
	[DBI_END_DETACH] = dbi_attachment_detach,
	[DBI_END_VMAP] = dbi_attachment_end_vmap,
};

static void dbi_attachment_free(struct dbi_attachment *att)
{
	dma_buf_put(att->dmabuf);

	dbi_jobs_free(att);
	kfree(att);
	atomic64_dec(&dbi_nr_attachments);
}

/* The module's exit waits for those who have let it go to return: it ends their workqueue. */
static void dbi_attachment_end_work(struct work_struct *work)
{
	struct dbi_attachment *att = container_of(work, struct dbi_attachment, end_work);

	for (; att->end < DBI_ENDS; att->end++)
		dbi_attachment_ends[att->end](att);
	dbi_attachment_free(att);
	module_put(THIS_MODULE);
}

/*
 * Whether who closes it may take the next step. A signal ends his wait. Who exits gets none, nor
 * does the kernel thread that puts the last reference to a file; and either may have to close
 * next what the lock's holder waits for.
 */
static bool dbi_attachment_may_end(struct dbi_attachment *att)
{
	bool waits = !(current->flags & (PF_EXITING | PF_KTHREAD));

	if (att->evicted && !completion_done(&att->detached) &&
	    (!waits || wait_for_completion_interruptible(&att->detached)))
		return false;
	if (att->end == DBI_END_DETACH && !dbi_mappings_are_gone(att) &&
	    (!waits || wait_event_interruptible(att->wait, dbi_mappings_are_gone(att))))
		return false;
	if (att->end == DBI_END_VMAP && READ_ONCE(att->vmap_state) == DBI_VMAP_NONE)
		return true;
	return !dma_resv_is_locked(att->dmabuf->resv) ||
	       (waits && !dbi_attachment_await(att->dmabuf));
}

/*
 * It has stopped. Nothing ends the wait of a step for the resv lock, and whoever holds that may
 * wait for a fence of another attachment of who is being killed here: so he goes on, and a worker
 * waits. He asks before each step, since others queue for the lock while he has it. (Between that
 * and the step there is a moment: dma_buf_detach() takes the lock itself.)
 */
static void dbi_attachment_end(struct dbi_attachment *att)
{
	for (; att->end < DBI_ENDS; att->end++) {
		if (!dbi_attachment_may_end(att)) {
			/* The file that is being closed, or makes the call, still has it. */
			__module_get(THIS_MODULE);
			queue_work(dbi_end_wq, &att->end_work);
			return;
		}
		dbi_attachment_ends[att->end](att);
	}
	dbi_attachment_free(att);
}

static struct dbi_attachment *
dbi_attachment_alloc(struct dma_buf *dmabuf, struct dbi_device *device,
		     const struct dmabuf_revoke_attach *arg,
		     const struct dbi_hooks *hooks)
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
	att->hooks = hooks;
	att->dmabuf = dmabuf;
	att->device = device;
	if (device)
		memcpy(att->device_name, device->name, sizeof(att->device_name));
	att->engine = arg->engine;
	init_completion(&att->detached);
	att->fence_context = dma_fence_context_alloc(1);
	INIT_LIST_HEAD(&att->mappings);
	INIT_WORK(&att->vunmap_work, dbi_vunmap_work);
	INIT_WORK(&att->end_work, dbi_attachment_end_work);
	spin_lock_init(&att->lock);
	INIT_LIST_HEAD(&att->jobs);
	INIT_LIST_HEAD(&att->queue);
	INIT_WORK(&att->engine_work, dbi_engine_work);
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
	att = dbi_attachment_alloc(NULL, NULL, &arg, NULL);
	if (!att)
		return -ENOMEM;
	dma_resv_init(&resv);

	dma_resv_lock(&resv, NULL);
	/* The callback runs under the resv lock. */
	spin_lock(&att->lock);
	spin_unlock(&att->lock);
	dma_resv_unlock(&resv);

	/* The engine signals fences, each under the lock. */
	cookie = dma_fence_begin_signalling();
	spin_lock(&att->lock);
	spin_unlock(&att->lock);
	dma_fence_end_signalling(cookie);

	dma_resv_fini(&resv);
	kfree(att);
	return 0;
}

static int dbi_attachment_attach(struct dbi_attachment *att)
{
	bool peer2peer = att->flags & DMABUF_REVOKE_ATTACH_PEER2PEER;
	struct device *dev = att->device->dev;

	if (att->kind->ops)
		att->attach = dma_buf_dynamic_attach(att->dmabuf, dev,
						     &att->kind->ops[peer2peer],
						     att);
	else
		att->attach = dma_buf_attach(att->dmabuf, dev);
	return PTR_ERR_OR_ZERO(att->attach);
}

/**
 * dbi_attachment_create - attach, and pin if the kind does
 * @dmabuf: to what; on success the reference is consumed
 * @device: on whose behalf; on success the user of it is consumed
 * @arg: how; checked, with the engine chosen
 * @hooks: of one that is to misbehave; else NULL
 *
 * Return: the attachment, or an ERR_PTR with what the exporter returned, -ENOMEM, -ENODEV
 * if the device is going, -EBUSY or -ENXIO if it has no channel for us, or -ERESTARTSYS.
 */
struct dbi_attachment *
dbi_attachment_create(struct dma_buf *dmabuf, struct dbi_device *device,
		      const struct dmabuf_revoke_attach *arg,
		      const struct dbi_hooks *hooks)
{
	struct dbi_attachment *att;
	int ret;

	ret = dbi_attachment_await(dmabuf);
	if (ret)
		return ERR_PTR(ret);
	/* Complete before attaching: the callback may be called during it. */
	att = dbi_attachment_alloc(dmabuf, device, arg, hooks);
	if (!att)
		return ERR_PTR(-ENOMEM);
	ret = dbi_attachment_open_engine(att);
	if (ret)
		goto err_free;
	ret = dbi_before_attach(att);
	if (ret)
		goto err_close;

	ret = dbi_attachment_attach(att);
	trace_dbi_attach(att, ret);
	if (ret) {
		dbi_after_detach(att);
		goto err_close;
	}

	atomic64_inc(&dbi_nr_attachments);
	if (att->kind->pins)
		ret = dbi_attachment_pin(att);
	if (!ret)
		ret = dbi_device_enter(att);
	if (ret) {
		att->end = DBI_END_MAPPINGS;
		get_dma_buf(dmabuf);
		dbi_device_hold(device);
		/* It may have been invalidated meanwhile. */
		dbi_attachment_stop(att);
		dbi_attachment_end(att);
		return ERR_PTR(ret);
	}
	return att;

err_close:
	dbi_attachment_close_engine(att);
err_free:
	kfree(att);
	return ERR_PTR(ret);
}

/* Stops the device, releases everything, and drops the dma-buf. */
void dbi_attachment_destroy(struct dbi_attachment *att)
{
	if (dbi_device_leave(att))
		dbi_attachment_stop(att);
	else
		att->end = DBI_END_VMAP;
	dbi_attachment_end(att);
}

/* Whoever has its file is told. The last use of it: the file may be closed. */
static void dbi_attachment_is_gone(struct dbi_attachment *att)
{
	spin_lock(&att->lock);
	att->gone = true;
	dbi_event_locked(att, DMABUF_REVOKE_EVENT_GONE, 0, 0);
	spin_unlock(&att->lock);
	complete_all(&att->detached);
}

/**
 * dbi_attachments_evict - a device goes: end all that is done on its behalf
 * @device: it is not used any more afterwards, until dbi_device_return()
 *
 * As if all files of attachments for it were closed; but these remain.
 */
void dbi_attachments_evict(struct dbi_device *device)
{
	struct dbi_attachment *att;
	LIST_HEAD(evicted);

	dbi_device_evict(device, &evicted);
	/* A job of one may wait for that of another. */
	list_for_each_entry(att, &evicted, on_device)
		dbi_engine_stop(att);
	/* Before any needs a resv lock, which may be held until another's fences signal. */
	list_for_each_entry(att, &evicted, on_device)
		dbi_attachment_stop(att);
	while (!list_empty(&evicted)) {
		att = list_first_entry(&evicted, struct dbi_attachment, on_device);
		list_del(&att->on_device);
		dbi_before_detach(att);
		dbi_attachment_unmap(att);
		dbi_attachment_detach(att);
		dbi_attachment_is_gone(att);
	}
	dbi_device_await_users(device);
}

static int dbi_ioctl_map(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_map *arg = ucmd->arg;
	ktime_t since = ktime_get();
	int ret;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	if (arg->direction > DMABUF_REVOKE_FROM_DEVICE)
		return -EINVAL;

	do {
		if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
			return -ERESTARTSYS;
		ret = dbi_mapping_create(att, (enum dma_data_direction)arg->direction);
		dma_resv_unlock(att->dmabuf->resv);
	} while (ret && dbi_tries_again(att, since));
	return ret;
}

static int dbi_ioctl_unmap(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_unmap *arg = ucmd->arg;
	struct dbi_mapping *map;
	int ret = 0;

	if (arg->flags)
		return -EINVAL;

	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
		return -ERESTARTSYS;
	map = dbi_mapping_newest(att);
	if (!map)
		ret = -ENXIO;
	else if (dbi_mapping_is_busy(map))
		ret = -EBUSY;
	else if (dbi_mapping_runs(map))
		dbi_mapping_unmap(map);
	else
		ret = dbi_mapping_release(att, map);
	dma_resv_unlock(att->dmabuf->resv);
	return ret;
}

/* What only the resv lock keeps still. */
static void dbi_status_fill(struct dbi_attachment *att,
			    struct dmabuf_revoke_status *arg)
{
	struct dbi_mapping *map = dbi_mapping_newest(att);

	if (map && !dbi_mapping_runs(map))
		arg->state = DMABUF_REVOKE_ATTACHMENT_INVALIDATED;
	else if (att->dead)
		arg->state = DMABUF_REVOKE_ATTACHMENT_DEAD;
	else if (map)
		arg->state = DMABUF_REVOKE_ATTACHMENT_MAPPED;
	else
		arg->state = DMABUF_REVOKE_ATTACHMENT_IDLE;

	arg->direction = map ? map->dir : 0;
	arg->segments = map ? map->table->nents : 0;
	arg->pinned = att->pinned;
	arg->remap_error = att->remap_error;
	arg->maps = att->maps;
	arg->unmaps = att->unmaps;
	arg->invalidations = att->invalidations;
	arg->invalidated_ns = timens_from_host(att->invalidated_at);
	arg->unmapped_ns = timens_from_host(att->unmapped_at);
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

	spin_lock(&att->lock);
	if (att->gone)
		arg->state = DMABUF_REVOKE_ATTACHMENT_GONE;
	arg->vmapped = att->vmap_state == DBI_VMAP_THERE;
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
	UCMD_OP(DMABUF_REVOKE_IOC_SEGMENTS, dmabuf_revoke_segments, count,
		dbi_segments),
};

static long dbi_attachment_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	return ucmd_dispatch(file, cmd, arg, dbi_attachment_ops,
			     ARRAY_SIZE(dbi_attachment_ops));
}

/*
 * Who exits, or closes many files at once, has all of them flushed before the first is released.
 * Its release may wait for a resv lock, whose holder waits for a fence of ours that does not signal
 * before another of these files is closed. So the jobs end here, if ours is the last reference:
 * nobody can get another. (Of two who flush at once neither has that, nor has who sent it to
 * itself; then release does it, in turn, and waits for no lock that it finds held.)
 * Where there never was a job there is no fence either, unless it misbehaves.
 */
static int dbi_attachment_flush(struct file *file, fl_owner_t id)
{
	struct dbi_attachment *att = file->private_data;

	if (file_count(file) != 1)
		return 0;
	/* What others did before they put their references. */
	smp_rmb();
	if ((att->last_job || dbi_is_hooked(att)) && dbi_device_leave(att))
		dbi_attachment_stop(att);
	return 0;
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
	.flush = dbi_attachment_flush,
	.release = dbi_attachment_release,
};
