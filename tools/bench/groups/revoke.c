// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a revoke costs, by phase: over the importers that have the buffer mapped,
 * over its size, over the pages that a CPU has mapped. Beside it what takes the
 * same away without a revoke.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/groups/crowd.h"
#include "bench/lanes.h"
#include "bench/report.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

#define LENGTH	(64ULL << 10)

/* Set up what the lane says, let @take take it away, and clear up. */
static int run(struct bench *bench, const struct lane *lane, uint64_t *ns,
	       int (*take)(struct bench *bench, struct crowd *crowd, uint64_t *ns))
{
	struct crowd crowd;
	int ret = bench_crowd_begin(bench, &crowd, lane->length, lane->attachments, 0, true);

	if (ret)
		return ret;
	if (lane->pages)
		ret = bench_crowd_touch(&crowd, lane->pages);
	if (!ret)
		ret = take(bench, &crowd, ns);
	bench_crowd_end(bench, &crowd);
	return ret;
}

static const char *const revoke_figures[] = {
	"revoke", "tell", "zap", "fences", "unmaps", "give back", NULL
};

static int take_by_revoke(struct bench *bench, struct crowd *crowd, uint64_t *ns)
{
	struct dmabuf_revoke_revoke revoke;
	uint64_t start = dr_now();
	int ret = dr_revoke(bench->nodes[BENCH_OURS], crowd->buffer.id,
			    DMABUF_REVOKE_FOREVER, &revoke);

	ns[0] = dr_now() - start;
	ns[1] = revoke.phases.tell_ns;
	ns[2] = revoke.phases.zap_ns;
	ns[3] = revoke.phases.fences_ns;
	ns[4] = revoke.phases.unmaps_ns;
	ns[5] = revoke.phases.give_back_ns;
	return ret;
}

static int run_revoke(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	return run(bench, lane, ns, take_by_revoke);
}

static const char *const unmap_figures[] = { "unmap by hand", NULL };

static int take_by_unmap(struct bench *bench, struct crowd *crowd, uint64_t *ns)
{
	uint64_t start = dr_now();
	unsigned int i;
	int ret = 0;

	(void)bench;
	for (i = 0; !ret && i < crowd->count; i++)
		ret = dr_unmap(crowd->attachments[i]);
	*ns = dr_now() - start;
	return ret;
}

static int run_unmap(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	return run(bench, lane, ns, take_by_unmap);
}

static const char *const munmap_figures[] = { "munmap", NULL };

static int take_by_munmap(struct bench *bench, struct crowd *crowd, uint64_t *ns)
{
	uint64_t start = dr_now();

	(void)bench;
	munmap((void *)crowd->memory, crowd->length);
	*ns = dr_now() - start;
	crowd->memory = NULL;
	return 0;
}

static int run_munmap(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	return run(bench, lane, ns, take_by_munmap);
}

/* One thing that there may be more or less of, and what takes it away by hand. */
struct scale {
	const char *parameter;
	uint64_t all[8], brief[3];
	/* A buffer with @value of it. */
	void (*set)(struct lane *scene, uint64_t value);
	const char *const *figures;
	int (*run)(struct bench *bench, struct lane *lane, uint64_t *ns);
};

static void set_attachments(struct lane *scene, uint64_t value)
{
	scene->length = LENGTH;
	scene->attachments = value;
}

static void set_bytes(struct lane *scene, uint64_t value)
{
	scene->value = value < bench_page() ? bench_page() : value;
	scene->length = scene->value;
	scene->attachments = 1;
}

static void set_pages(struct lane *scene, uint64_t value)
{
	scene->length = value * bench_page();
	scene->pages = value;
}

static const struct scale scales[] = {
	{ "attachments", { 1, 4, 16, 64, 256, 1024, 4096 }, { 1, 64 },
	  set_attachments, unmap_figures, run_unmap },
	{ "bytes", { 4096, 64 << 10, 1 << 20, 16 << 20, 256 << 20 }, { 1 << 20 },
	  set_bytes, unmap_figures, run_unmap },
	{ "pages", { 1, 16, 256, 4096, 65536 }, { 1, 256 },
	  set_pages, munmap_figures, run_munmap },
	{ 0 },
};

/* A revoke, and beside it the other way. */
static int compete(struct bench *bench, const struct scale *scale, uint64_t value)
{
	struct lane scene = { .parameter = scale->parameter, .value = value };
	struct lane lanes[BENCH_LANES];

	scale->set(&scene, value);
	if (!bench_want_descriptors(scene.attachments)) {
		bench_report_skipped(bench, "revoke", "ours", scale->parameter, value,
				     BENCH_NO_DESCRIPTORS);
		return 0;
	}
	if (!bench_lanes(bench, "revoke", &scene, 1U << BENCH_OURS, false, lanes))
		return 0;
	lanes[1] = lanes[0];
	lanes[0].figures = revoke_figures;
	lanes[0].run = run_revoke;
	lanes[1].figures = scale->figures;
	lanes[1].run = scale->run;
	return bench_compete(bench, "revoke", lanes, 2);
}

int bench_group_revoke(struct bench *bench)
{
	const struct scale *scale;
	const uint64_t *value;
	int ret = 0;

	for (scale = scales; scale->parameter; scale++) {
		value = bench_values(bench, scale->all, scale->brief);
		for (; !ret && *value; value++)
			ret = compete(bench, scale, *value);
	}
	return ret;
}
