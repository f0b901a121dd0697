// SPDX-License-Identifier: GPL-2.0-only
/* Lanes in turns, in an order of chance. */
#include <errno.h>
#include <stdlib.h>

#include "bench/report.h"
#include "bench/run.h"
#include "bench/summary.h"
#include "lib/devices/ioctls.h"
#include "lib/text/message.h"

#define MIN_ROUNDS	5
#define MAX_ROUNDS	1000

/* The times of all rounds: of a lane, of its figure. */
struct times {
	uint64_t ns[BENCH_LANES][BENCH_FIGURES][MAX_ROUNDS];
};

/* In which order the lanes take their turns. */
struct order {
	unsigned int lanes[BENCH_LANES];
	unsigned int count;
	unsigned int seed;
};

/*
 * Anew for each round, or each lane would always find the caches as the same other
 * one leaves them. The same in each run, for figures that repeat.
 */
static void shuffle(struct order *order)
{
	unsigned int i;

	for (i = order->count; i > 1; i--) {
		unsigned int other = (unsigned int)rand_r(&order->seed) % i;
		unsigned int lane = order->lanes[i - 1];

		order->lanes[i - 1] = order->lanes[other];
		order->lanes[other] = lane;
	}
}

static int run_round(struct bench *bench, struct lane *lanes, struct order *order,
		     struct times *times, unsigned int round)
{
	uint64_t ns[BENCH_FIGURES];
	unsigned int turn, figure;

	shuffle(order);
	for (turn = 0; turn < order->count; turn++) {
		unsigned int i = order->lanes[turn];
		struct lane *lane = &lanes[i];
		int ret = lane->run(bench, lane, ns);

		if (ret) {
			explain(ACT_OTHER, ret, "bench: %s of %s", lane->figures[0],
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
	struct order order = { .count = count, .seed = 1 };
	unsigned int round = 0;
	unsigned int i;
	uint64_t end;
	int ret;

	if (!times)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		order.lanes[i] = i;
	/* The first round fills caches, and does not count. */
	ret = run_round(bench, lanes, &order, times, 0);
	end = dr_deadline(bench->budget_ns);
	while (!ret && round < MAX_ROUNDS && (round < MIN_ROUNDS || dr_now() < end))
		ret = run_round(bench, lanes, &order, times, round++);
	if (!ret && count)
		report(bench, group, lanes, count, times, round);
	free(times);
	return ret;
}
