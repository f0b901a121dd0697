/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Absolute CLOCK_MONOTONIC deadlines of user space, the same for both modules. They are of
 * the caller's clock, so what is left is asked in the caller's context.
 */
#ifndef DMABUF_REVOKE_DEADLINE_H
#define DMABUF_REVOKE_DEADLINE_H

#include <linux/ktime.h>
#include <linux/wait.h>

#include "timens.h"

/* What is left until @deadline_ns: not negative; KTIME_MAX: no end. */
static inline ktime_t deadline_left(u64 deadline_ns)
{
	ktime_t deadline = deadline_ns, now;

	if (deadline_ns >= KTIME_MAX)
		return KTIME_MAX;
	now = ktime_add(ktime_get(), timens_offset());
	return deadline > now ? ktime_sub(deadline, now) : 0;
}

/*
 * Wait for @condition. 0, -ETIMEDOUT, or -ERESTARTSYS after a signal: since the
 * deadline is absolute, the restarted call does not wait longer.
 */
#define deadline_wait(wq_head, condition, deadline_ns)			\
({									\
	int __err = 0;							\
									\
	if (!(condition)) {						\
		ktime_t __left = deadline_left(deadline_ns);		\
									\
		__err = -ETIMEDOUT;					\
		if (__left)						\
			__err = wait_event_interruptible_hrtimeout(	\
					wq_head, condition, __left);	\
		if (__err == -ETIME)					\
			__err = -ETIMEDOUT;				\
	}								\
	__err;								\
})

#endif /* DMABUF_REVOKE_DEADLINE_H */
