// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA jobs: how they are submitted, what they depend on, how their results are
 * collected. Each is a dma_fence.
 */

#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sync_file.h>

#include "deadline.h"
#include "hooks.h"
#include "importer.h"
#include "timens.h"
#include "trace.h"

static const char *dbi_fence_driver_name(struct dma_fence *fence)
{
	return "dmabuf-revoke-importer";
}

static const char *dbi_fence_timeline_name(struct dma_fence *fence)
{
	return container_of(fence, struct dbi_job, fence)->kind->name;
}

/*
 * Without release and wait a fence that has signalled does not lead back into this
 * module, and may be kept by anyone beyond its removal. Where the kernel does not
 * see to that, compat.h lets the fence keep the module.
 */
static const struct dma_fence_ops dbi_fence_ops = {
	.get_driver_name = dbi_fence_driver_name,
	.get_timeline_name = dbi_fence_timeline_name,
	.release = compat_fence_release,
};

/* The range, or with COPY one of the two. */
static int dbi_check_range(u64 offset, u64 length, u64 size)
{
	u64 end;

	if (check_add_overflow(offset, length, &end) || end > size)
		return -ERANGE;
	return 0;
}

static int dbi_check_submit(struct dbi_attachment *att,
			    const struct dmabuf_revoke_submit *arg)
{
	const u32 flags = DMABUF_REVOKE_SUBMIT_STREAM |
			  DMABUF_REVOKE_SUBMIT_FENCE_FD |
			  DMABUF_REVOKE_SUBMIT_BOOKKEEP;
	bool copy = arg->op == DMABUF_REVOKE_OP_COPY;
	u64 size = att->dmabuf->size;
	int ret;

	if (att->engine == DMABUF_REVOKE_ENGINE_NONE)
		return -EOPNOTSUPP;
	if (arg->flags & ~flags || arg->op > DMABUF_REVOKE_OP_COPY)
		return -EINVAL;
	if (!arg->length || arg->duration_ns > DBI_MAX_DURATION_NS)
		return -EINVAL;
	if (arg->dst_offset && !copy)
		return -EINVAL;
	if (arg->pattern && arg->op != DMABUF_REVOKE_OP_WRITE)
		return -EINVAL;

	ret = dbi_check_range(arg->offset, arg->length, size);
	if (!ret && copy)
		ret = dbi_check_range(arg->dst_offset, arg->length, size);
	if (ret)
		return ret;

	if (copy && arg->offset < arg->dst_offset + arg->length &&
	    arg->dst_offset < arg->offset + arg->length)
		return -EINVAL;
	return 0;
}

/* Whether a device may do @op through a mapping of direction @dir. */
static bool dbi_direction_allows(enum dma_data_direction dir, u32 op)
{
	switch (op) {
	case DMABUF_REVOKE_OP_READ:
		return dir != DMA_FROM_DEVICE;
	case DMABUF_REVOKE_OP_WRITE:
		return dir != DMA_TO_DEVICE;
	default:
		return dir == DMA_BIDIRECTIONAL;
	}
}

/* With the number that is the next now. */
static struct dbi_job *dbi_job_create(struct dbi_attachment *att,
				      const struct dmabuf_revoke_submit *arg)
{
	struct dbi_job *job;
	u64 number;

	static_assert(offsetof(struct dbi_job, fence) == 0);

	job = kzalloc_obj(*job, GFP_CALLER);
	if (!job)
		return NULL;
	job->att = att;
	job->kind = att->kind;
	job->flags = arg->flags;
	job->op = arg->op;
	job->offset = dbi_begins_at(att, arg->offset);
	job->length = arg->length;
	job->dst_offset = arg->dst_offset;
	job->pattern = arg->pattern;
	job->duration_ns = arg->duration_ns;
	INIT_LIST_HEAD(&job->uncollected);
	INIT_LIST_HEAD(&job->node);

	spin_lock(&att->lock);
	number = att->last_job + 1;
	spin_unlock(&att->lock);
	dma_fence_init(&job->fence, &dbi_fence_ops,
		       compat_fence_lock(&job->fence_lock), att->fence_context,
		       number);
	return job;
}

/* A mapping that suits the job, a new one if there is none. */
static int dbi_job_need_mapping(struct dbi_job *job)
{
	struct dbi_attachment *att = job->att;
	struct dbi_mapping *map = dbi_mapping_newest(att);
	int ret;

	if (!map || !dbi_mapping_runs(map)) {
		ret = dbi_mapping_create(att, DMA_BIDIRECTIONAL);
		if (ret)
			return ret;
		map = dbi_mapping_newest(att);
	}
	if (!dbi_direction_allows(map->dir, job->op))
		return -EACCES;
	job->map = map;
	return 0;
}

/* The last step that can fail, as dbi_job_commit(). Then the number is the job's. */
static int dbi_job_admit(struct dbi_job *job)
{
	struct dbi_attachment *att = job->att;

	lockdep_assert_held(&att->lock);

	if (att->closing)
		return -ENODEV;
	if (att->nr_running + att->nr_ended >= DBI_MAX_JOBS)
		return -EAGAIN;
	if (job->fence.seqno != att->last_job + 1)
		return 1;
	if (!att->nr_running && !dbi_engine_claim())
		return -EAGAIN;
	att->last_job++;
	att->nr_running++;
	/* For WAIT, a reference of its own. */
	dma_fence_get(&job->fence);
	list_add_tail(&job->uncollected, &att->jobs);
	return 0;
}

/*
 * Makes the job known to the world and to the engine: what it has to wait for is
 * collected, and its own fence added, under one hold of the resv lock.
 *
 * Return: 0, an errno, or 1: another job has got its number.
 */
static int dbi_job_commit(struct dbi_job *job)
{
	bool writes = job->op != DMABUF_REVOKE_OP_READ;
	struct dbi_attachment *att = job->att;
	struct dma_resv *resv = att->dmabuf->resv;
	enum dma_resv_usage usage, after;
	int ret;

	dma_resv_assert_held(resv);

	if (job->flags & DMABUF_REVOKE_SUBMIT_BOOKKEEP) {
		usage = DMA_RESV_USAGE_BOOKKEEP;
		after = DMA_RESV_USAGE_KERNEL;
	} else {
		usage = writes ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ;
		after = dma_resv_usage_rw(writes);
	}

	ret = dbi_job_need_mapping(job);
	if (ret)
		return ret;
	ret = dma_resv_reserve_fences(resv, 1);
	if (!ret && dbi_awaits_fences(att))
		ret = dma_resv_get_singleton(resv, after, &job->dep);
	if (ret)
		return ret;

	spin_lock(&att->lock);
	ret = dbi_job_admit(job);
	spin_unlock(&att->lock);
	if (ret) {
		dma_fence_put(job->dep);
		job->dep = NULL;
		return ret;
	}

	usage = dbi_fence_usage(att, usage);
	dma_resv_add_fence(resv, &job->fence, usage);
	trace_dbi_fence_added(att, &job->fence, usage);
	trace_dbi_job_queued(job);
	atomic64_inc(&dbi_nr_jobs);
	dbi_engine_queue(job);
	return 0;
}

/* @sync is a sync_file to publish, or NULL. */
static int dbi_job_start(struct dbi_job *job, struct ucmd *ucmd,
			 struct sync_file *sync)
{
	struct dmabuf_revoke_submit *arg = ucmd->arg;
	struct dbi_attachment *att = job->att;
	ktime_t since = ktime_get();
	int ret;

	arg->job = job->fence.seqno;
	ret = ucmd_respond(ucmd);
	if (ret)
		return ret;

	do {
		if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL))
			return -ERESTARTSYS;
		ret = dbi_job_commit(job);
		dma_resv_unlock(att->dmabuf->resv);
	} while (ret < 0 && dbi_tries_again(att, since));
	if (!ret && sync)
		fd_install(arg->fence_fd, sync->file);
	return ret;
}

static int dbi_job_start_with_fd(struct dbi_job *job, struct ucmd *ucmd)
{
	struct dmabuf_revoke_submit *arg = ucmd->arg;
	struct sync_file *sync;
	int ret;

	if (!IS_ENABLED(CONFIG_SYNC_FILE))
		return -EOPNOTSUPP;
	arg->fence_fd = get_unused_fd_flags(O_CLOEXEC);
	if (arg->fence_fd < 0)
		return arg->fence_fd;

	sync = sync_file_create(&job->fence);
	if (!sync) {
		ret = -ENOMEM;
		goto err_fd;
	}
	ret = dbi_job_start(job, ucmd, sync);
	if (ret)
		goto err_sync;
	return 0;

err_sync:
	fput(sync->file);
err_fd:
	put_unused_fd(arg->fence_fd);
	return ret;
}

/* The number is user space's before the job is the world's. As dbi_job_commit(). */
static int dbi_job_try(struct ucmd *ucmd)
{
	struct dmabuf_revoke_submit *arg = ucmd->arg;
	struct dbi_job *job;
	int ret;

	job = dbi_job_create(ucmd->file->private_data, arg);
	if (!job)
		return -ENOMEM;
	if (arg->flags & DMABUF_REVOKE_SUBMIT_FENCE_FD)
		ret = dbi_job_start_with_fd(job, ucmd);
	else
		ret = dbi_job_start(job, ucmd, NULL);
	/* Its sync_file may go only after this module: signalled, the fence leads nowhere. */
	if (ret)
		dma_fence_signal(&job->fence);
	dma_fence_put(&job->fence);
	return ret;
}

/* DMABUF_REVOKE_IOC_SUBMIT */
int dbi_job_submit(struct ucmd *ucmd)
{
	int ret;

	ret = dbi_check_submit(ucmd->file->private_data, ucmd->arg);
	if (ret)
		return ret;

	/* Each time that the number is gone another job has been submitted. */
	do {
		ret = dbi_job_try(ucmd);
		if (ret == 1 && signal_pending(current))
			ret = -ERESTARTSYS;
	} while (ret == 1);
	return ret;
}

/* The job with a reference, or NULL. */
static struct dbi_job *dbi_job_get(struct dbi_attachment *att, u64 number)
{
	struct dbi_job *job;

	spin_lock(&att->lock);
	list_for_each_entry(job, &att->jobs, uncollected) {
		if (job->fence.seqno == number) {
			dma_fence_get(&job->fence);
			spin_unlock(&att->lock);
			return job;
		}
	}
	spin_unlock(&att->lock);
	return NULL;
}

/* Only one of those who wait for a job gets its result. */
static int dbi_job_collect(struct dbi_attachment *att, struct dbi_job *job)
{
	bool first;

	spin_lock(&att->lock);
	first = !list_empty(&job->uncollected);
	if (first) {
		list_del_init(&job->uncollected);
		att->nr_ended--;
	}
	spin_unlock(&att->lock);

	if (!first)
		return -ENOENT;
	dma_fence_put(&job->fence);
	return 0;
}

static void dbi_job_results(struct dbi_job *job, struct dmabuf_revoke_wait *arg)
{
	arg->status = job->status;
	arg->crc32 = job->crc32;
	arg->passes = job->passes;
	arg->changed = job->changed;
	arg->started_ns = timens_from_host(job->started);
	arg->ended_ns = timens_from_host(job->ended);
}

/* DMABUF_REVOKE_IOC_WAIT */
int dbi_job_wait(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_wait *arg = ucmd->arg;
	struct dbi_job *job;
	int ret;

	if (arg->flags)
		return -EINVAL;

	job = dbi_job_get(att, arg->job);
	if (!job)
		return -ENOENT;

	ret = deadline_wait(att->wait, dma_fence_is_signaled(&job->fence),
			    arg->deadline_ns);
	if (ret)
		goto out_put;

	/* Who signals it holds the lock until all is done. */
	spin_lock(&att->lock);
	dbi_job_results(job, arg);
	spin_unlock(&att->lock);
	ret = ucmd_respond(ucmd);
	if (!ret)
		ret = dbi_job_collect(att, job);
out_put:
	dma_fence_put(&job->fence);
	return ret;
}

/* Forgets all results, when nobody can ask for them any more. */
void dbi_jobs_free(struct dbi_attachment *att)
{
	struct dbi_job *job, *tmp;

	list_for_each_entry_safe(job, tmp, &att->jobs, uncollected)
		dma_fence_put(&job->fence);
}
