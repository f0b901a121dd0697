/* SPDX-License-Identifier: GPL-2.0-only */
/* Lanes of every exporter, at every size, as far as there is room for them. */
#ifndef BENCH_LANES_H
#define BENCH_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/run.h"

/*
 * A lane like @model for each exporter in the set @exporters that has @length bytes
 * to give. With @keep each has got its buffer: bench_lanes_end() gives it back.
 */
unsigned int bench_lanes(struct bench *bench, const char *group,
			 const struct lane *model, unsigned int exporters, bool keep,
			 struct lane lanes[BENCH_LANES]);
void bench_lanes_end(struct bench *bench, struct lane *lanes, unsigned int count);

/* Bytes: the least that a buffer takes. */
uint64_t bench_page(void);
/* Whether half of the available memory is enough for @count times @length bytes. */
bool bench_fits(uint64_t length, unsigned int count);
#define BENCH_NO_MEMORY		"more than half of the memory that is available"
/* Room for @count descriptors beside those that any program has; false: no. */
bool bench_want_descriptors(unsigned int count);
#define BENCH_NO_DESCRIPTORS	"too few descriptors: raise ulimit -n"
/* 0 ends either array; the shorter one is for --short. */
const uint64_t *bench_values(const struct bench *bench, const uint64_t *all,
			     const uint64_t *brief);
/*
 * Lanes like @model compete at every size of at most @max bytes; see bench_lanes().
 * Returns 0 or a negative errno.
 */
int bench_by_size(struct bench *bench, const char *group, const struct lane *model,
		  unsigned int exporters, bool keep, uint64_t max);

#endif
