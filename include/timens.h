/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CLOCK_MONOTONIC as the caller reads it: in a time namespace it is not the host's. What
 * the modules keep is the host's. For the calls of user space: a worker has no caller.
 */
#ifndef DMABUF_REVOKE_TIMENS_H
#define DMABUF_REVOKE_TIMENS_H

#include <linux/ktime.h>
#include <linux/time64.h>
#include <linux/time_namespace.h>

/* What the caller's clock is ahead of the host's. */
static inline ktime_t timens_offset(void)
{
	struct timespec64 offset = {};

	timens_add_monotonic(&offset);
	return timespec64_to_ktime(offset);
}

/*
 * A time for the caller. 0 is never, and stays; what was before the caller's
 * clock began is as early as can be.
 */
static inline u64 timens_from_host(ktime_t host)
{
	return host ? max_t(s64, ktime_add(host, timens_offset()), 1) : 0;
}

#endif /* DMABUF_REVOKE_TIMENS_H */
