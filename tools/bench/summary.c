// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "bench/summary.h"

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The smallest time that @percent of all do not exceed. */
static uint64_t percentile(const uint64_t *sorted, unsigned int count,
			   unsigned int percent)
{
	unsigned int rank = (count * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

struct summary bench_summarise(uint64_t *ns, unsigned int count)
{
	qsort(ns, count, sizeof(*ns), compare);
	return (struct summary){
		.times = count,
		.min_ns = ns[0],
		.median_ns = percentile(ns, count, 50),
		.p99_ns = percentile(ns, count, 99),
		.spread_ns = percentile(ns, count, 75) - percentile(ns, count, 25),
	};
}
