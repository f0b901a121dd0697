/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says meanwhile. */
#ifndef JUDGE_KERNEL_LOG_H
#define JUDGE_KERNEL_LOG_H

#include <stdbool.h>

/* A descriptor of /dev/kmsg that reads what comes from now on, or -errno. */
int kernel_log_open(void);
/*
 * Calls @line with each complaint since the last call, without its prefix: warnings and worse of
 * the kernel, oopses, reports of lockdep, KASAN, SLUB, of the DMA API, of an IOMMU; not what
 * programs write there. NULL: forget them. Returns whether there was more, which was overwritten.
 */
int kernel_log_read(int log, void (*line)(void *context, const char *text), void *context);
/* Whether it is that something took too long, which comes of a machine that stood still, too. */
bool kernel_log_is_stall(const char *text);
/* Whether it is of all the time until now: kmemleak looks every ten minutes. */
bool kernel_log_is_undated(const char *text);

#endif
