/* SPDX-License-Identifier: GPL-2.0-only */
/* Dma-bufs that somebody has a descriptor of. */
#ifndef RECORD_THERE_H
#define RECORD_THERE_H

#include <stdbool.h>
#include <stdint.h>

#include "watch/event.h"

struct descriptor {
	uint64_t inode, size;
	uint32_t attached;		/* importers, if debugfs lists it */
	char exporter[WATCH_NAME_LEN];
};

/* @found returns 0, or a negative errno, which ends it and is returned. */
typedef int (*there_found)(void *context, const struct descriptor *descriptor);

/*
 * Those that debugfs lists, also without a descriptor. The kernel takes the lock of each for that,
 * and meanwhile nobody can make one: if somebody holds a lock for long, it is given up, and said.
 * Then it returns 1.
 */
int there_listed(there_found found, void *context);
/* Whether debugfs is there to be read: root's, and on a kernel that has it. */
bool there_can_list(void);

/*
 * Whether all processes of this machine can be looked at for those two: not so in a namespace of
 * processes, or without CAP_SYS_PTRACE.
 */
bool there_sees_all(void);
/* Inodes of those that any process has mapped, be it without a descriptor; of each mapping. */
int there_mapped(there_found found, void *context);

/* Those of all processes, or of @pid, if that is not 0; once for each descriptor. */
int there_walk(int pid, there_found found, void *context);

#endif
