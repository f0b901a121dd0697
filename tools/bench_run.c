// SPDX-License-Identifier: GPL-2.0-only
/* Lanes in turns. */
#include <errno.h>
#include <stdlib.h>

#include "bench.h"
#include "ioctls.h"
#include "message.h"

#define MIN_ROUNDS	5
#define MAX_ROUNDS	1000

/* The times of all rounds: of a lane, of its figure. */
struct times {
	uint64_t ns[BENCH_LANES][BENCH_FIGURES][MAX_ROUNDS];
};

static int run_round(struct bench *bench, struct lane *lanes, unsigned int count,
		     struct times *times, unsigned int round)
{
	uint64_t ns[BENCH_FIGURES];
	unsigned int i, figure;

	for (i = 0; i < count; i++) {
		struct lane *lane = &lanes[i];
		int ret = lane->run(bench, lane, ns);

		if (ret) {
			explain(NULL, ret, "bench: %s of %s", lane->figures[0],
				lane->contender);
			return ret;
		}
		for (figure = 0; lane->figures[figure]; figure++)
			times->ns[i][figure][round] = ns[figure];
	}
	return 0;
}

static void report(struct bench *bench, const char *group, struct lane *lanes,
		   unsigned int count, struct times *times, unsigned int rounds)
{
	unsigned int i, figure;

	for (i = 0; i < count; i++) {
		for (figure = 0; lanes[i].figures[figure]; figure++) {
			struct summary summary =
				bench_summarise(times->ns[i][figure], rounds);

			bench_report_figure(bench, group, &lanes[i],
					    lanes[i].figures[figure], &summary);
		}
	}
}

int bench_compete(struct bench *bench, const char *group, struct lane *lanes,
		  unsigned int count)
{
	struct times *times = malloc(sizeof(*times));
	unsigned int round = 0;
	uint64_t end;
	int ret;

	if (!times)
		return -ENOMEM;
	/* The first round fills caches, and does not count. */
	ret = run_round(bench, lanes, count, times, 0);
	end = dr_deadline(bench->budget_ns);
	while (!ret && round < MAX_ROUNDS && (round < MIN_ROUNDS || dr_now() < end))
		ret = run_round(bench, lanes, count, times, round++);
	if (!ret && count)
		report(bench, group, lanes, count, times, round);
	free(times);
	return ret;
}
