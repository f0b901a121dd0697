/* SPDX-License-Identifier: GPL-2.0-only */
/* A buffer of ours with what a revoke takes away: importers' mappings, the CPU's. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/exporters.h"

struct bench;

struct crowd {
	struct bench_buffer buffer;
	unsigned int count;
	int *attachments;
	uint64_t length;
	volatile uint8_t *memory;	/* mapped for the CPU; or NULL */
};

/*
 * @flags: DMABUF_REVOKE_ATTACH_*; @mapped: map it for their devices. Returns 0 or a
 * negative errno.
 */
int bench_crowd_begin(struct bench *bench, struct crowd *crowd, uint64_t length,
		      unsigned int count, uint32_t flags, bool mapped);
/* Likewise. Map for the CPU and touch the first @pages pages. */
int bench_crowd_touch(struct crowd *crowd, uint64_t pages);
void bench_crowd_end(struct bench *bench, struct crowd *crowd);

#endif
