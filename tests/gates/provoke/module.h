/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deliberate bugs, a file per sort. Each function does one thing that a debug kernel has
 * to report, and leaves the kernel fit for the next one: what it leaks, corrupts or locks
 * is its own. Those that kill the caller say so. The number is what user space wrote
 * after the name. Zero or a negative errno: whether the bug could be provoked.
 */
#ifndef DBR_PROVOKE_H
#define DBR_PROVOKE_H

#include <linux/device.h>

struct bug {
	const char *name;
	int (*provoke)(int number);
};

/* Each ends with an entry without a name. */
extern const struct bug dma_bugs[];
extern const struct bug hang_bugs[];
extern const struct bug lock_bugs[];
extern const struct bug memory_bugs[];
extern const struct bug object_bugs[];

/* A device without a driver, for mappings. */
extern struct device *provoke_device;

#endif
