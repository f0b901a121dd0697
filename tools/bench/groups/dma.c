// SPDX-License-Identifier: GPL-2.0-only
/* What is left of a revoke when the last DMA that it waits for has ended. */
#include <errno.h>
#include <sched.h>

#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/groups/crowd.h"
#include "bench/lanes.h"
#include "bench/report.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

#define LENGTH		(64ULL << 10)
#define DURATION_NS	(5 * 1000000ULL)
#define TRIES		10

/*
 * A job that its device has not taken up when its importer is invalidated ends at once.
 * There is no event to wait for.
 */
static int await_start(int att)
{
	struct dmabuf_revoke_status status;
	int ret;

	while (!(ret = dr_status(att, &status)) && status.jobs_running && !status.running)
		sched_yield();
	return ret;
}

/* Each importer has a job that lasts @duration_ns; fences end later than the invalidation. */
static int begin(struct bench *bench, struct crowd *crowd, unsigned int count,
		 uint64_t duration_ns)
{
	unsigned int i;
	int ret = bench_crowd_begin(bench, crowd, LENGTH, count,
				    DMABUF_REVOKE_ATTACH_DEFER_UNMAP, true);

	if (ret)
		return ret;
	for (i = 0; !ret && duration_ns && i < count; i++) {
		struct dmabuf_revoke_submit job = {
			.op = DMABUF_REVOKE_OP_READ,
			.length = 64,
			.duration_ns = duration_ns,
		};

		ret = dr_submit(crowd->attachments[i], &job);
	}
	for (i = 0; !ret && duration_ns && i < count; i++)
		ret = await_start(crowd->attachments[i]);
	if (ret)
		bench_crowd_end(bench, crowd);
	return ret;
}

/* When the last job's fence signalled; all have, so there is nothing to wait for. */
static int last_fence(const struct crowd *crowd, uint64_t *last_ns)
{
	struct dmabuf_revoke_wait job;
	unsigned int i;
	int ret = 0;

	*last_ns = 0;
	for (i = 0; !ret && i < crowd->count; i++) {
		ret = dr_wait(crowd->attachments[i], 1, DMABUF_REVOKE_FOREVER, &job);
		if (!ret && job.ended_ns > *last_ns)
			*last_ns = job.ended_ns;
	}
	return ret;
}

static const char *const busy_figures[] = {
	"from last fence to return", "from last fence to its notice", "unmaps",
	"give back", NULL
};

/* -EAGAIN: the jobs ended before everybody was invalidated. */
static int try_busy(struct bench *bench, const struct lane *lane, uint64_t duration_ns,
		    uint64_t *ns)
{
	struct dmabuf_revoke_revoke revoke;
	uint64_t end, last, fenced;
	struct crowd crowd;
	int ret = begin(bench, &crowd, lane->attachments, duration_ns);

	if (ret)
		return ret;
	ret = dr_revoke(bench->nodes[BENCH_OURS], crowd.buffer.id,
			DMABUF_REVOKE_FOREVER, &revoke);
	end = dr_now();
	if (!ret)
		ret = last_fence(&crowd, &last);
	bench_crowd_end(bench, &crowd);
	if (ret)
		return ret;
	fenced = revoke.phases.began_ns + revoke.phases.tell_ns + revoke.phases.zap_ns;
	if (last < fenced)
		return -EAGAIN;
	fenced += revoke.phases.fences_ns;
	ns[0] = end - last;
	ns[1] = fenced - last;
	ns[2] = revoke.phases.unmaps_ns;
	ns[3] = revoke.phases.give_back_ns;
	return 0;
}

static int run_busy(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	uint64_t duration_ns = DURATION_NS;
	int i, ret = -EAGAIN;

	for (i = 0; ret == -EAGAIN && i < TRIES; i++) {
		ret = try_busy(bench, lane, duration_ns, ns);
		duration_ns *= 2;
	}
	return ret == -EAGAIN ? -ETIME : ret;
}

/* What comes before the fences in a revoke, and what comes after them. */
static const char *const idle_figures[] = {
	"idle revoke", "idle tell and zap", "idle unmaps", "idle give back", NULL
};

static int run_idle(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	struct dmabuf_revoke_revoke revoke;
	struct crowd crowd;
	uint64_t start;
	int ret = begin(bench, &crowd, lane->attachments, 0);

	if (ret)
		return ret;
	start = dr_now();
	ret = dr_revoke(bench->nodes[BENCH_OURS], crowd.buffer.id,
			DMABUF_REVOKE_FOREVER, &revoke);
	ns[0] = dr_now() - start;
	ns[1] = revoke.phases.tell_ns + revoke.phases.zap_ns;
	ns[2] = revoke.phases.unmaps_ns;
	ns[3] = revoke.phases.give_back_ns;
	bench_crowd_end(bench, &crowd);
	return ret;
}

int bench_group_dma(struct bench *bench)
{
	static const uint64_t all[] = { 1, 16, 256, 0 }, brief[] = { 1, 0 };
	const uint64_t *count = bench_values(bench, all, brief);
	int ret = 0;

	for (; !ret && *count; count++) {
		const struct lane model = {
			.contender = "ours",
			.parameter = "fences",
			.value = *count,
			.attachments = *count,
		};
		struct lane lanes[] = { model, model };

		lanes[0].figures = busy_figures;
		lanes[0].run = run_busy;
		lanes[1].figures = idle_figures;
		lanes[1].run = run_idle;
		if (bench_want_descriptors(*count))
			ret = bench_compete(bench, "dma", lanes, 2);
		else
			bench_report_skipped(bench, "dma", "ours", "fences", *count,
					     BENCH_NO_DESCRIPTORS);
	}
	return ret;
}
