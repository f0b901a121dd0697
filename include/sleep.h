/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sleeping on purpose. msleep() may return early by the clock:
 * it counts jiffies, and those may catch up in one step.
 */
#ifndef DMABUF_REVOKE_SLEEP_H
#define DMABUF_REVOKE_SLEEP_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/sched.h>

/* Not less than @ns of CLOCK_MONOTONIC. No signal ends it. */
static inline void sleep_at_least(u64 ns)
{
	ktime_t end = ktime_add_ns(ktime_get(), ns);

	do {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_hrtimeout(&end, HRTIMER_MODE_ABS);
	} while (ktime_before(ktime_get(), end));
}

#endif /* DMABUF_REVOKE_SLEEP_H */
