/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lets each allocation, and each access to user memory, that a call makes in the
 * kernel fail once: /proc/thread-self/fail-nth of kernels with fault injection.
 */
#ifndef TESTS_FAILNTH_H
#define TESTS_FAILNTH_H

#include "common.h"

/* Skips the case on a kernel without it. */
void need_fault_injection(void);

/*
 * Makes the call with the first point failing, then with the second, and so on, until
 * it completes untouched. @begin makes what it needs, each time; @call returns its
 * result or -errno; @end removes what both have made. @begin and @end may be NULL.
 *
 * A call that fails leaves nothing behind, returns -ENOMEM or -EFAULT, which the
 * header lists for every ioctl, and the same call succeeds right after. There has to
 * be a point to fail, or nothing is shown; @name is what the report calls it.
 *
 * Needs a CASE, which has the devices open, to see what is left behind; without them
 * only descriptors are counted.
 */
void fails_at_every_point(const char *name, void (*begin)(void),
			  long (*call)(void), void (*end)(void));
/*
 * The same for the @last points of the load of a module, which takes long: after a failure
 * it is not loaded again, the round of the next point shows that it still gets as far.
 * If not 0, -@other_error is what it may return besides.
 */
void load_fails_at_last_points(const char *name, long (*call)(void),
			       void (*end)(void), unsigned int last,
			       int other_error);
/* The same for a call that does well whatever fails in it, if there is anything. */
void fails_at_no_point(const char *name, void (*begin)(void),
		       long (*call)(void), void (*end)(void));

#endif
