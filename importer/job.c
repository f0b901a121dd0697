// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA jobs: how they are submitted, what they depend on, how their results are
 * collected. Each is a dma_fence.
 */

#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/sync_file.h>

#include "deadline.h"
#include "importer.h"

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

/* Ends a job that the queue or the engine held. */
void dbi_job_end(struct dbi_job *job, int status)
{
	struct dbi_attachment *att = job->att;

	dma_fence_put(job->dep);
	job->dep = NULL;

	job->status = status;
	if (status)
		dma_fence_set_error(&job->fence, status);
	job->ended = ktime_get();
	dma_fence_signal(&job->fence);
	atomic64_dec(&dbi_nr_jobs);

	spin_lock(&att->lock);
	att->nr_running--;
	att->nr_ended++;
	/* Pairs with dbi_job_is_done(): the results are complete. */
	smp_store_release(&job->done, true);
	dbi_event_locked(att, DMABUF_REVOKE_EVENT_JOB_DONE, job->fence.seqno,
			 status);
	spin_unlock(&att->lock);
}

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

static struct dbi_job *dbi_job_create(struct dbi_attachment *att,
				      const struct dmabuf_revoke_submit *arg)
{
	struct dbi_job *job;

	lockdep_assert_held(&att->submit_lock);
	static_assert(offsetof(struct dbi_job, fence) == 0);

	job = kzalloc_obj(*job, GFP_KERNEL_ACCOUNT);
	if (!job)
		return NULL;
	job->att = att;
	job->kind = att->kind;
	job->flags = arg->flags;
	job->op = arg->op;
	job->offset = arg->offset;
	job->length = arg->length;
	job->dst_offset = arg->dst_offset;
	job->pattern = arg->pattern;
	job->duration_ns = arg->duration_ns;
	INIT_LIST_HEAD(&job->node);
	dma_fence_init(&job->fence, &dbi_fence_ops,
		       compat_fence_lock(&job->fence_lock), att->fence_context,
		       ++att->last_job);
	return job;
}

/* A mapping that suits the job, a new one if there is none. */
static int dbi_job_need_mapping(struct dbi_job *job)
{
	struct dbi_attachment *att = job->att;
	int ret;

	dma_resv_assert_held(att->dmabuf->resv);

	if (!att->table || att->dead) {
		ret = dbi_attachment_map(att, DMA_BIDIRECTIONAL);
		if (ret)
			return ret;
	}
	if (att->invalid)
		return -EBUSY;
	return dbi_direction_allows(att->dir, job->op) ? 0 : -EACCES;
}

/*
 * Makes the job known to the world and to the engine: what it has to wait for is
 * collected, and its own fence added, under one hold of the resv lock. Nothing can
 * fail after the fence was added.
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
	if (ret)
		return ret;
	ret = dma_resv_get_singleton(resv, after, &job->dep);
	if (ret)
		return ret;

	dma_resv_add_fence(resv, &job->fence, usage);
	atomic64_inc(&dbi_nr_jobs);
	/* For WAIT, a reference of its own. Cannot fail: the slot is reserved. */
	dma_fence_get(&job->fence);
	xa_store(&att->jobs, job->fence.seqno, job, GFP_KERNEL);
	dbi_engine_queue(job);
	return 0;
}

/* @sync is a sync_file to publish, or NULL. */
static int dbi_job_start(struct dbi_job *job, struct ucmd *ucmd,
			 struct sync_file *sync)
{
	struct dmabuf_revoke_submit *arg = ucmd->arg;
	struct dbi_attachment *att = job->att;
	int ret;

	ret = xa_reserve(&att->jobs, job->fence.seqno, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;

	arg->job = job->fence.seqno;
	ret = ucmd_respond(ucmd);
	if (ret)
		goto err_release;

	if (dma_resv_lock_interruptible(att->dmabuf->resv, NULL)) {
		ret = -ERESTARTSYS;
		goto err_release;
	}
	ret = dbi_job_commit(job);
	dma_resv_unlock(att->dmabuf->resv);
	if (ret)
		goto err_release;

	if (sync)
		fd_install(arg->fence_fd, sync->file);
	return 0;

err_release:
	xa_release(&att->jobs, job->fence.seqno);
	return ret;
}

static int dbi_job_start_with_fd(struct dbi_job *job, struct ucmd *ucmd)
{
	struct dmabuf_revoke_submit *arg = ucmd->arg;
	struct sync_file *sync;
	int ret;

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

static bool dbi_jobs_full(struct dbi_attachment *att)
{
	bool full;

	lockdep_assert_held(&att->submit_lock);

	spin_lock(&att->lock);
	full = att->nr_running + att->nr_ended >= DBI_MAX_JOBS;
	spin_unlock(&att->lock);
	return full;
}

/* DMABUF_REVOKE_IOC_SUBMIT */
int dbi_job_submit(struct ucmd *ucmd)
{
	struct dbi_attachment *att = ucmd->file->private_data;
	struct dmabuf_revoke_submit *arg = ucmd->arg;
	struct dbi_job *job;
	int ret;

	ret = dbi_check_submit(att, arg);
	if (ret)
		return ret;

	if (mutex_lock_interruptible(&att->submit_lock))
		return -ERESTARTSYS;
	if (dbi_jobs_full(att)) {
		ret = -EAGAIN;
		goto out_unlock;
	}
	job = dbi_job_create(att, arg);
	if (!job) {
		ret = -ENOMEM;
		goto out_unlock;
	}

	if (arg->flags & DMABUF_REVOKE_SUBMIT_FENCE_FD)
		ret = dbi_job_start_with_fd(job, ucmd);
	else
		ret = dbi_job_start(job, ucmd, NULL);
	dma_fence_put(&job->fence);

out_unlock:
	mutex_unlock(&att->submit_lock);
	return ret;
}

/* The job with a reference, or NULL. */
static struct dbi_job *dbi_job_get(struct dbi_attachment *att, u64 number)
{
	struct dbi_job *job = NULL;

	xa_lock(&att->jobs);
	if (number <= ULONG_MAX)
		job = xa_load(&att->jobs, number);
	if (job)
		dma_fence_get(&job->fence);
	xa_unlock(&att->jobs);
	return job;
}

/* Only one of those who wait for a job gets its result. */
static int dbi_job_collect(struct dbi_attachment *att, struct dbi_job *job)
{
	void *entry = xa_cmpxchg(&att->jobs, job->fence.seqno, job, NULL, 0);

	if (entry != job)
		return -ENOENT;

	spin_lock(&att->lock);
	att->nr_ended--;
	spin_unlock(&att->lock);
	dma_fence_put(&job->fence);
	return 0;
}

static bool dbi_job_is_done(struct dbi_job *job)
{
	/* Pairs with dbi_job_end(). */
	return smp_load_acquire(&job->done);
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

	ret = deadline_wait(att->wait, dbi_job_is_done(job), arg->deadline_ns);
	if (ret)
		goto out_put;

	arg->status = job->status;
	arg->crc32 = job->crc32;
	arg->passes = job->passes;
	arg->changed = job->changed;
	arg->started_ns = ktime_to_ns(job->started);
	arg->ended_ns = ktime_to_ns(job->ended);
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
	struct dbi_job *job;
	unsigned long number;

	xa_for_each(&att->jobs, number, job)
		dma_fence_put(&job->fence);
	xa_destroy(&att->jobs);
}
