/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in the buffer: written before, looked for afterwards, by CPU and device. */
#ifndef JUDGE_EXPORTER_STAGE_PATTERN_H
#define JUDGE_EXPORTER_STAGE_PATTERN_H

#include "judge/exporter/stage/memory.h"

struct pattern {
	struct memory memory;
	bool mapped;		/* by the CPU */
	uint64_t word;
};

/* By the CPU, or where it has no mmap by DMA of @seat. False after giving the scenario up. */
bool pattern_write(struct pattern *pattern, struct scene *scene, struct seat *seat);
/*
 * Maps for @seat if it is not mapped, and looks with all that there is. FAIL of @clause, or PASS,
 * about what was after @when.
 */
void pattern_judge(struct pattern *pattern, struct scene *scene, struct seat *seat,
		   const char *clause, const char *when);
void pattern_end(struct pattern *pattern, struct scene *scene);

#endif
