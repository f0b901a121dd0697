/* SPDX-License-Identifier: GPL-2.0-only */
/* Many times of one thing, summed up. */
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include <stdint.h>

struct summary {
	unsigned int times;	/* repetitions */
	uint64_t min_ns;
	uint64_t median_ns;
	uint64_t p99_ns;
	uint64_t spread_ns;	/* between the first and the third quartile */
};

/* Sorts @ns; @count is 1 or more. */
struct summary bench_summarise(uint64_t *ns, unsigned int count);

#endif
