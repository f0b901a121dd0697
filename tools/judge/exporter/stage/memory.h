/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CPU mapping of the buffer, in a process of its own: what it does may end in SIGBUS, or never,
 * and of the exporter's memory nothing stays mapped once the process has ended.
 */
#ifndef JUDGE_EXPORTER_STAGE_MEMORY_H
#define JUDGE_EXPORTER_STAGE_MEMORY_H

#include "judge/exporter/stage/scene.h"

enum memory_look {
	MEMORY_CONTENTS,	/* the first word, and whether all are it, are in struct memory */
	MEMORY_SIGBUS,		/* of one page at least */
	MEMORY_NEVER,		/* it does not come back, or has ended otherwise */
};

struct memory {
	pid_t pid;
	int socket;		/* -1: there is no process */
	uint64_t word;		/* what was seen */
	bool uniform;
	bool seen;		/* MEMORY_SIGBUS: some pages were there all the same */
	int sync;		/* of DMA_BUF_IOCTL_SYNC, before: 0 or a negative errno */
	uint64_t began_ns, ended_ns;	/* of that */
};

/* Maps it. Returns 0, a negative errno of mmap(), or ASIDE_NEVER; memory_end() has to follow. */
int memory_start(struct memory *memory, struct scene *scene);
/* Writes the word all over it; reads all of it. */
enum memory_look memory_fill(struct memory *memory, struct scene *scene, uint64_t word);
enum memory_look memory_read(struct memory *memory, struct scene *scene);
/* The same, as DMA_BUF_IOCTL_SYNC wants it; if that fails nothing else is done. */
enum memory_look memory_fill_synced(struct memory *memory, struct scene *scene, uint64_t word);
enum memory_look memory_read_synced(struct memory *memory, struct scene *scene);
void memory_end(struct memory *memory, struct scene *scene);

/* A new mapping, DMA_BUF_IOCTL_SYNC: 0, a negative errno, or ASIDE_NEVER. */
int memory_map_once(struct scene *scene);
int memory_sync(struct scene *scene);

#endif
