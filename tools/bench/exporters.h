/* SPDX-License-Identifier: GPL-2.0-only */
/* What a user may take dma-bufs from, and taking them. */
#ifndef BENCH_EXPORTERS_H
#define BENCH_EXPORTERS_H

#include <stdint.h>

#include "lib/devices/foreign.h"

enum { BENCH_OURS, BENCH_HEAP, BENCH_UDMABUF, BENCH_VGEM, BENCH_EXPORTERS };
#define BENCH_ALL	((1U << BENCH_EXPORTERS) - 1)
#define BENCH_NO_VGEM	(BENCH_ALL & ~(1U << BENCH_VGEM))

struct bench_exporter {
	const char *name;
	const char *refuses;	/* what to do where it refuses a size; or NULL */
	const struct foreign_exporter *foreign;	/* NULL: ours */
};

extern const struct bench_exporter bench_exporters[BENCH_EXPORTERS];

struct bench_buffer {
	int fd;
	uint64_t id;		/* of one of ours; else 0 */
};

struct bench;

/* Returns 0 or a negative errno. */
int bench_alloc(struct bench *bench, int exporter, uint64_t length,
		struct bench_buffer *buffer);
/* Returns once the memory is free again: since when, give or take a system call. */
uint64_t bench_free(struct bench *bench, struct bench_buffer *buffer);

#endif
