/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that may never return, since the driver under test has a say in them: each is made by a
 * process of its own, which shares our descriptors. One that hangs is left behind, and no
 * harm to us.
 */
#ifndef JUDGE_EXPORTER_STAGE_ASIDE_H
#define JUDGE_EXPORTER_STAGE_ASIDE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What no call returns: it has not come back. */
#define ASIDE_NEVER	INT_MIN
#define ASIDE_MOST	16

struct aside {
	pid_t left[ASIDE_MOST];		/* that have not ended, although they were killed */
	unsigned int count;
	uint64_t ended_ns;		/* when the last call has returned, or was given up */
	uint64_t blocked_ns;		/* of it: when it neither ran nor was ready to, if */
	bool known;			/* that could be measured */
};

/*
 * What @call returns, which finds, and changes, a copy of @arg and may do nothing but system calls;
 * ASIDE_NEVER if that takes longer than to the deadline; or -ENOMEM: it was not made.
 */
int aside_call(struct aside *aside, int (*call)(void *arg), void *arg, size_t size,
	       uint64_t deadline_ns);
/* SIGKILL to a child; if it does not end of that, it is left behind. */
void aside_leave(struct aside *aside, pid_t pid);
/* Those that were left behind, until they have ended. Returns how many have not by the deadline. */
unsigned int aside_await(struct aside *aside, uint64_t deadline_ns);
/* They are given up: calls @line with where each stands. */
void aside_end(struct aside *aside, void (*line)(void *context, const char *text), void *context);

#endif
