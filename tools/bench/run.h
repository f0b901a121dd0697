/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the bench measures.
 *
 * A group asks one question about cost. It lets lanes run in turns, once each per
 * round, so that whatever drifts meets all of them. A lane is one way to do the
 * thing, and gives one or more figures; of each figure all times are kept, and
 * summed up when the last round has ended.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/exporters.h"
#include "bench/machine.h"

#define BENCH_LANES	8
#define BENCH_FIGURES	8	/* of a lane */

struct task;

struct bench {
	/* Asked for. */
	bool brief;		/* few values */
	bool json;
	uint64_t budget_ns;	/* how long the lanes of one value may run */
	uint64_t faults;	/* DMABUF_REVOKE_FAULT_* of our buffers */

	struct machine machine;
	int imp;
	int nodes[BENCH_EXPORTERS];	/* [BENCH_OURS]: the exporter; negative: why not */

	/* The report, while it is being written. */
	struct document *document;
	struct table *skipped;
	struct table *figures;
	struct table *memory;
	unsigned int rows;	/* of @figures */
};

/* One way to do a thing. */
struct lane {
	const char *contender;
	const char *parameter;	/* what @value is: "bytes", "attachments", ... */
	uint64_t value;
	const char *const *figures;	/* NULL ends the array */
	/* Once; @ns receives the times of the figures. */
	int (*run)(struct bench *bench, struct lane *lane, uint64_t *ns);

	/* What @run works on. */
	int exporter;
	struct bench_buffer buffer;
	uint64_t length;
	unsigned int attachments;
	uint64_t pages;		/* that the CPU has mapped */
	const struct task *task;	/* of groups/cpus.c */
};

/* Let the lanes run in turns and report them. Returns 0 or a negative errno. */
int bench_compete(struct bench *bench, const char *group, struct lane *lanes,
		  unsigned int count);

#endif
