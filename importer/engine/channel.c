// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine's channels: one for each attachment, which runs its jobs in order and in
 * the background. It never takes the resv lock: a fence must signal while somebody holds it.
 */

#include <linux/dma-resv.h>
#include <linux/nodemask.h>
#include <linux/topology.h>

#include "hooks.h"
#include "importer.h"
#include "trace.h"

struct workqueue_struct *dbi_engine_wq;
atomic64_t dbi_nr_jobs;

/*
 * Each attachment with a job has a thread, for as long as the job's owner, or those whose
 * fences it awaits, like. The workqueue may divide its threads among the nodes, by their
 * CPUs.
 */
static atomic_t dbi_engine_claims;

static int dbi_engine_max_claims(void)
{
	int least = WQ_MAX_ACTIVE, cpus = num_online_cpus(), node;

	for_each_online_node(node)
		if (nr_cpus_node(node))
			least = min_t(int, least,
				      WQ_MAX_ACTIVE * nr_cpus_node(node) / cpus);
	/* A node has no fewer. */
	return max(least, 8);
}

/* A thread for an attachment that gets a job; false: there is none. */
bool dbi_engine_claim(void)
{
	return atomic_add_unless(&dbi_engine_claims, 1, dbi_engine_max_claims());
}

/* The attachment has no job any more. */
static void dbi_engine_release(void)
{
	atomic_dec(&dbi_engine_claims);
}

/*
 * Ends a job that was queued, or ran. Under the attachment's lock, so that no one sees
 * one half of it: when its fence has signalled the results are complete, its event is
 * there, and the mapping may be unmapped.
 */
static void dbi_job_end(struct dbi_job *job, int status)
{
	struct dbi_attachment *att = job->att;
	struct dbi_mapping *map = job->map;

	dma_fence_put(job->dep);
	job->dep = NULL;

	spin_lock(&att->lock);
	job->map = NULL;
	job->status = status;
	if (status)
		dma_fence_set_error(&job->fence, status);
	job->ended = ktime_get();
	trace_dbi_job_ended(job);
	/* Before the fence tells: INFO and claims do not take the lock. */
	atomic64_dec(&dbi_nr_jobs);
	if (!--att->nr_running)
		dbi_engine_release();
	dma_fence_signal(&job->fence);

	att->nr_ended++;
	dbi_event_locked(att, DMABUF_REVOKE_EVENT_JOB_DONE, job->fence.seqno,
			 status);
	map->nr_jobs--;
	dbi_mapping_settle(map);
	dbi_mapping_put_locked(map);
	spin_unlock(&att->lock);
}

/* Whether the engine may take it up. Once it may not it never may. */
static bool dbi_job_may_start(struct dbi_job *job)
{
	enum dbi_mapping_mode mode = READ_ONCE(job->map->mode);

	/* Its device goes, perhaps with what it has waited for. */
	if (READ_ONCE(job->att->closing) || READ_ONCE(job->att->evicted))
		return false;
	return mode == DBI_MAPPING_RUN ||
	       (mode == DBI_MAPPING_DRAIN && dbi_starts_job_late(job->att));
}

/* The device is as slow as the job says. */
static int dbi_engine_linger(struct dbi_job *job, ktime_t until)
{
	ktime_t left = ktime_sub(until, ktime_get());

	/* Interruptible only so as not to count as load; nobody signals us. */
	if (left > 0)
		wait_event_interruptible_hrtimeout(job->att->wait,
						   dbi_job_is_cut(job), left);
	return dbi_job_is_cut(job) ? -ECANCELED : 0;
}

static int dbi_engine_pass(struct dbi_job *job)
{
	ktime_t until = ktime_add_ns(ktime_get(), job->duration_ns);
	u32 crc;
	int ret;

	ret = dbi_pass(job, &crc);
	if (!ret)
		ret = dbi_engine_linger(job, until);
	if (ret)
		return ret;

	if (job->op == DMABUF_REVOKE_OP_READ) {
		if (job->passes && job->crc32 != crc)
			job->changed++;
		job->crc32 = crc;
	}
	WRITE_ONCE(job->passes, job->passes + 1);
	return 0;
}

static int dbi_engine_execute(struct dbi_job *job)
{
	int ret;

	do {
		ret = dbi_engine_pass(job);
	} while (!ret && job->flags & DMABUF_REVOKE_SUBMIT_STREAM &&
		 dbi_mapping_runs(job->map));

	/* To be ended from outside is how a stream ends. */
	if (job->flags & DMABUF_REVOKE_SUBMIT_STREAM && ret == -ECANCELED)
		return 0;
	return ret;
}

/* May run in hard interrupt context, under the fence's lock. */
static void dbi_dep_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dbi_job *job = container_of(cb, struct dbi_job, dep_cb);

	wake_up_all(&job->att->wait);
}

/* Until the fences that implicit synchronisation names are done. */
static void dbi_engine_await(struct dbi_job *job)
{
	struct dbi_attachment *att = job->att;
	struct dma_fence *dep = job->dep;

	if (!dep)
		return;
	if (!dma_fence_add_callback(dep, &job->dep_cb, dbi_dep_signalled)) {
		wait_event_interruptible(att->wait,
					 !dbi_job_may_start(job) ||
					 dma_fence_is_signaled(dep));
		dma_fence_remove_callback(dep, &job->dep_cb);
	}
	/*
	 * Pairs with dma_fence_signal(): what was written before it, by an engine that is a
	 * CPU as well, or by who evicts the device. To see that it has signalled orders nothing.
	 */
	smp_rmb();
}

/* From here on the job counts as in flight, unless the mapping has to go. */
static bool dbi_engine_take_up(struct dbi_job *job)
{
	struct dbi_attachment *att = job->att;
	bool run;

	spin_lock(&att->lock);
	run = dbi_job_may_start(job);
	if (run) {
		job->started = ktime_get();
		trace_dbi_job_started(job);
	}
	att->on_bus = run;
	spin_unlock(&att->lock);
	return run;
}

/* The job accesses memory no more, though its fence may not have signalled yet. */
static void dbi_engine_put_down(struct dbi_attachment *att)
{
	spin_lock(&att->lock);
	att->on_bus = false;
	wake_up_all(&att->wait);
	spin_unlock(&att->lock);
}

/* Makes the next job the running one; NULL: the engine is idle. */
static struct dbi_job *dbi_engine_next(struct dbi_attachment *att)
{
	struct dbi_job *job, *last;

	spin_lock(&att->lock);
	last = att->running;
	job = list_first_entry_or_null(&att->queue, struct dbi_job, node);
	if (job)
		list_del_init(&job->node);
	att->running = job;
	spin_unlock(&att->lock);

	if (last)
		dma_fence_put(&last->fence);
	return job;
}

void dbi_engine_work(struct work_struct *work)
{
	struct dbi_attachment *att = container_of(work, struct dbi_attachment,
						  engine_work);
	struct dbi_job *job;

	while ((job = dbi_engine_next(att))) {
		int status = -ECANCELED;
		bool cookie;

		dbi_engine_await(job);

		cookie = dma_fence_begin_signalling();
		if (dbi_engine_take_up(job)) {
			status = dbi_engine_execute(job);
			dbi_engine_put_down(att);
			status = dbi_before_signal(att, status);
		}
		dbi_job_end(job, status);
		dma_fence_end_signalling(cookie);
	}
}

/* The queue takes a reference of its own, the job one on its mapping. */
void dbi_engine_queue(struct dbi_job *job)
{
	struct dbi_attachment *att = job->att;

	dma_resv_assert_held(att->dmabuf->resv);

	dma_fence_get(&job->fence);
	spin_lock(&att->lock);
	job->map->refs++;
	job->map->nr_jobs++;
	list_add_tail(&job->node, &att->queue);
	spin_unlock(&att->lock);
	queue_work(dbi_engine_wq, &att->engine_work);
}

/* What the device works on. A job that it has not taken up does not count. */
void dbi_engine_status(struct dbi_attachment *att, u64 *running, u64 *passes)
{
	struct dbi_job *job = att->running;

	lockdep_assert_held(&att->lock);

	*running = 0;
	*passes = 0;
	if (job && job->started && !dma_fence_is_signaled(&job->fence)) {
		*running = job->fence.seqno;
		*passes = READ_ONCE(job->passes);
	}
}

/*
 * Ends the jobs that may not start any more, if none is running. Else the engine does it
 * after that one: fences of a timeline signal in order. When it is idle it may still have
 * to wait for a thread.
 */
static void dbi_engine_cancel(struct dbi_attachment *att)
{
	struct dbi_job *job, *tmp;
	LIST_HEAD(cancelled);

	spin_lock(&att->lock);
	wake_up_all(&att->wait);
	list_for_each_entry_safe(job, tmp, &att->queue, node) {
		if (att->running || dbi_job_may_start(job))
			break;
		list_move_tail(&job->node, &cancelled);
	}
	spin_unlock(&att->lock);

	list_for_each_entry_safe(job, tmp, &cancelled, node) {
		list_del_init(&job->node);
		dbi_job_end(job, -ECANCELED);
		dma_fence_put(&job->fence);
	}
}

/**
 * dbi_engine_drain - let the running job come to its end, and start no other
 * @map: the mapping, which is unmapped by its unmap_work when its jobs have ended
 */
void dbi_engine_drain(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;

	dma_resv_assert_held(att->dmabuf->resv);

	spin_lock(&att->lock);
	WRITE_ONCE(map->mode, DBI_MAPPING_DRAIN);
	dbi_mapping_settle(map);
	spin_unlock(&att->lock);
	dbi_engine_cancel(att);
}

/* Without jobs, or as good as. */
static bool dbi_engine_is_off(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;
	bool off;

	spin_lock(&att->lock);
	off = !map->nr_jobs || (!att->on_bus && dbi_holds_fence(att));
	spin_unlock(&att->lock);
	return off;
}

/*
 * Ends all DMA. The engine does not touch the mapping any more afterwards, and the
 * fences have signalled.
 */
void dbi_engine_cut(struct dbi_mapping *map)
{
	struct dbi_attachment *att = map->att;

	dma_resv_assert_held(att->dmabuf->resv);

	spin_lock(&att->lock);
	WRITE_ONCE(map->mode, DBI_MAPPING_CUT);
	spin_unlock(&att->lock);
	dbi_engine_cancel(att);
	wait_event(att->wait, dbi_engine_is_off(map));
}

static bool dbi_engine_has_ended(struct dbi_attachment *att)
{
	bool ended;

	spin_lock(&att->lock);
	ended = !att->nr_running;
	spin_unlock(&att->lock);
	return ended;
}

/* No job starts any more, whatever ends. */
void dbi_engine_stop(struct dbi_attachment *att)
{
	spin_lock(&att->lock);
	WRITE_ONCE(att->closing, true);
	wake_up_all(&att->wait);
	spin_unlock(&att->lock);
}

/* Ends all jobs, for good. */
void dbi_engine_close(struct dbi_attachment *att)
{
	dbi_engine_stop(att);
	dbi_engine_cancel(att);
	wait_event(att->wait, dbi_engine_has_ended(att));
}

/*
 * Of an engine that is closed. The worker may be on its way out of the work function, or be
 * woken for nothing by who has submitted last: he held the resv lock, which has been free since.
 */
void dbi_engine_end(struct dbi_attachment *att)
{
	cancel_work_sync(&att->engine_work);
}
