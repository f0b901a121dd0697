// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether two CPUs do twice as much as one. Each works in a process of its own, on a
 * buffer of its own, so that they share nothing but the kernel.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/groups/crowd.h"
#include "bench/lanes.h"
#include "bench/report.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

#define WORKERS	2
#define TURNS	32	/* of each worker */
#define LENGTH	(64ULL << 10)
#define LIMIT_NS	(60 * 1000000000ULL)

/* In memory that all processes share. */
struct floor {
	atomic_uint ready;
	atomic_int error;	/* the last one */
	uint64_t begin_ns[WORKERS];
	uint64_t end_ns[WORKERS];
};

static bool pin(unsigned int number)
{
	cpu_set_t all, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(all), &all))
		return false;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || number--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return !sched_setaffinity(0, sizeof(one), &one);
	}
	return false;
}

static int run_revoke(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	struct crowd crowd;
	int ret = bench_crowd_begin(bench, &crowd, lane->length, 1, 0, true);

	if (ret)
		return ret;
	*ns = dr_now();
	ret = dr_revoke(bench->nodes[BENCH_OURS], crowd.buffer.id,
			DMABUF_REVOKE_FOREVER, NULL);
	*ns = dr_now() - *ns;
	bench_crowd_end(bench, &crowd);
	return ret;
}

/* What a worker does at each turn. */
struct task {
	const char *const *figures;
	int (*run)(struct bench *bench, struct lane *lane, uint64_t *ns);
	bool has_buffer;	/* which it keeps for all turns */
	unsigned int exporters;
};

static const struct task tasks[] = {
	{ (const char *const []){ "allocate + free", NULL },
	  bench_run_alloc, false, BENCH_NO_VGEM },
	{ (const char *const []){ "attach + map + unmap + detach", NULL },
	  bench_run_attach, true, BENCH_NO_VGEM },
	{ (const char *const []){ "mmap + touch + munmap", NULL },
	  bench_run_mmap, true, BENCH_NO_VGEM },
	{ (const char *const []){ "allocate + attach + map + revoke + free", NULL },
	  run_revoke, false, 1U << BENCH_OURS },
	{ 0 },
};

/* All begin at once, when the last one is ready; or not at all, if one never is. */
static int turns(struct bench *bench, struct lane *lane, struct floor *floor,
		 unsigned int number)
{
	uint64_t limit = dr_deadline(LIMIT_NS), ns;
	int i, ret = lane->task->run(bench, lane, &ns);

	atomic_fetch_add(&floor->ready, 1);
	while (atomic_load(&floor->ready) < lane->value)
		if (dr_now() > limit)
			return -ETIMEDOUT;
	floor->begin_ns[number] = dr_now();
	for (i = 0; !ret && i < TURNS; i++)
		ret = lane->task->run(bench, lane, &ns);
	floor->end_ns[number] = dr_now();
	return ret;
}

static int work(struct bench *bench, struct lane *lane, struct floor *floor,
		unsigned int number)
{
	int ret;

	if (!pin(number))
		return -EINVAL;
	if (!lane->task->has_buffer)
		return turns(bench, lane, floor, number);
	ret = bench_alloc(bench, lane->exporter, lane->length, &lane->buffer);
	if (ret)
		return ret;
	ret = turns(bench, lane, floor, number);
	bench_free(bench, &lane->buffer);
	return ret;
}

static int start(struct bench *bench, struct lane *lane, struct floor *floor,
		 unsigned int number)
{
	pid_t pid = fork();
	int ret;

	if (pid < 0)
		return -errno;
	if (!pid) {
		ret = work(bench, lane, floor, number);
		if (ret)
			atomic_store(&floor->error, ret);
		_exit(0);
	}
	return 0;
}

/* From the first begin to the last end, per turn. */
static uint64_t per_turn(const struct floor *floor, unsigned int workers)
{
	uint64_t begin = UINT64_MAX, end = 0;
	unsigned int i;

	for (i = 0; i < workers; i++) {
		if (floor->begin_ns[i] < begin)
			begin = floor->begin_ns[i];
		if (floor->end_ns[i] > end)
			end = floor->end_ns[i];
	}
	return (end - begin) / (workers * TURNS);
}

static int run_workers(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	struct floor *floor = mmap(NULL, sizeof(*floor), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int i;
	int ret = 0;

	if (floor == MAP_FAILED)
		return -errno;
	for (i = 0; !ret && i < lane->value; i++)
		ret = start(bench, lane, floor, i);
	while (wait(NULL) > 0)
		;
	if (!ret)
		ret = atomic_load(&floor->error);
	*ns = per_turn(floor, lane->value);
	munmap(floor, sizeof(*floor));
	return ret;
}

/* Every exporter with one worker and with all. */
static int compete(struct bench *bench, const struct task *task)
{
	const struct lane model = {
		.parameter = "cpus",
		.value = 1,
		.figures = task->figures,
		.run = run_workers,
		.length = LENGTH,
		.task = task,
	};
	struct lane lanes[BENCH_LANES];
	unsigned int i, count = bench_lanes(bench, "cpus", &model, task->exporters,
					    false, lanes);

	for (i = 0; i < count; i++) {
		lanes[count + i] = lanes[i];
		lanes[count + i].value = WORKERS;
	}
	return bench_compete(bench, "cpus", lanes, 2 * count);
}

int bench_group_cpus(struct bench *bench)
{
	const struct task *task;
	int ret = 0;

	if (bench->machine.cpus < WORKERS) {
		bench_report_skipped(bench, "cpus", "all", "cpus", WORKERS,
				     "there are not so many");
		return 0;
	}
	for (task = tasks; !ret && task->run; task++)
		ret = compete(bench, task);
	return ret;
}
