// SPDX-License-Identifier: GPL-2.0-only
/* Whether the next buffer, the next importer, costs more where there are many. */
#include <errno.h>
#include <stdlib.h>

#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/groups/crowd.h"
#include "bench/lanes.h"
#include "bench/report.h"
#include "bench/run.h"
#include "lib/devices/ioctls.h"

#define OWN	4096ULL		/* more memory than one of either takes beside its page */
#define TURNS	32		/* of allocating and freeing, beside one herd */

/* Buffers that are merely there. */
struct herd {
	unsigned int count;
	struct bench_buffer *buffers;
};

static void herd_end(struct bench *bench, struct herd *herd)
{
	while (herd->count)
		bench_free(bench, &herd->buffers[--herd->count]);
	free(herd->buffers);
}

static int herd_begin(struct bench *bench, struct herd *herd, unsigned int count)
{
	int ret = 0;

	*herd = (struct herd){ .buffers = calloc(count + 1, sizeof(*herd->buffers)) };
	if (!herd->buffers)
		return -ENOMEM;
	while (!ret && herd->count < count) {
		ret = bench_alloc(bench, BENCH_OURS, bench_page(), &herd->buffers[herd->count]);
		herd->count += !ret;
	}
	if (ret)
		herd_end(bench, herd);
	return ret;
}

static bool has_room(struct bench *bench, const char *parameter, unsigned int count)
{
	const char *lack = NULL;

	if (!bench_fits(bench_page() + OWN, count))
		lack = BENCH_NO_MEMORY;
	else if (!bench_want_descriptors(count))
		lack = BENCH_NO_DESCRIPTORS;
	if (lack)
		bench_report_skipped(bench, "many", "ours", parameter, count, "%s", lack);
	return !lack;
}

static int run_turns(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	uint64_t total = 0;
	int i, ret = 0;

	for (i = 0; !ret && i < TURNS; i++) {
		ret = bench_run_alloc(bench, lane, ns);
		total += *ns;
	}
	*ns = total / TURNS;
	return ret;
}

/* The herd is everybody's, so it comes and goes with each round. */
static int run_next_buffer(struct bench *bench, struct lane *lane, uint64_t *ns)
{
	struct herd herd;
	int ret = herd_begin(bench, &herd, lane->value);

	if (ret)
		return ret;
	ret = run_turns(bench, lane, ns);
	herd_end(bench, &herd);
	return ret;
}

/* Without a herd and beside one, by turns. */
static int next_buffer(struct bench *bench, unsigned int count)
{
	static const char *const figures[] = { "next buffer", NULL };
	struct lane model = {
		.contender = "ours",
		.parameter = "buffers",
		.figures = figures,
		.run = run_next_buffer,
		.exporter = BENCH_OURS,
		.length = bench_page(),
	};
	struct lane lanes[] = { model, model };

	if (!has_room(bench, model.parameter, count))
		return 0;
	lanes[1].value = count;
	return bench_compete(bench, "many", lanes, 2);
}

/* A buffer without importers and one with many, by turns. */
static int next_attachment(struct bench *bench, unsigned int count)
{
	static const char *const figures[] = { "next attachment", NULL };
	struct lane model = {
		.contender = "ours",
		.parameter = "attachments",
		.figures = figures,
		.run = bench_run_attach,
	};
	struct lane lanes[] = { model, model };
	struct crowd crowd;
	int ret;

	if (!has_room(bench, model.parameter, count))
		return 0;
	ret = bench_crowd_begin(bench, &crowd, bench_page(), count, 0, true);
	if (ret)
		return ret;
	lanes[1].value = count;
	lanes[1].buffer = crowd.buffer;
	ret = bench_alloc(bench, BENCH_OURS, bench_page(), &lanes[0].buffer);
	if (!ret) {
		ret = bench_compete(bench, "many", lanes, 2);
		bench_free(bench, &lanes[0].buffer);
	}
	bench_crowd_end(bench, &crowd);
	return ret;
}

int bench_group_many(struct bench *bench)
{
	int ret = next_buffer(bench, bench->brief ? 500 : 10000);

	return ret ? ret : next_attachment(bench, bench->brief ? 500 : 100000);
}
