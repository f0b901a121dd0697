/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program that uses the driver under test, and the socket on which it is told when to go
 * on. What is said there are lines:
 *
 *   to it: "again"; "revoke", "suspend", "restore", "move", "remove" to one that exports
 *   from it: "done E", E is 0 or a positive errno; "failed E"; "buffer", with a descriptor
 *
 * The end of the file asks it to let go of everything and to exit.
 */
#ifndef JUDGE_PARTNER_H
#define JUDGE_PARTNER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "judge/program/output.h"

#define PARTNER_LINE	64
/* Who says more than so many bytes, says nothing. */
#define PARTNER_MOST	65536

struct partner {
	char **words;
	pid_t pid;			/* of its process group, too; 0: it does not run */
	int pidfd;
	int control;			/* our end; -1: closed */
	int received;			/* a descriptor that it sent, or -1 */
	bool ended;
	int state;			/* of waitpid(), once it has @ended */
	char line[PARTNER_LINE];	/* of it, so far */
	size_t length;
	size_t heard;			/* bytes ever */
	struct output output;
};

struct partner_options {
	int dmabuf;			/* it inherits that; -1: none */
	const sigset_t *mask;		/* signals that it has blocked */
	unsigned int descriptors;	/* how many it may have, or 0 */
	const char *cgroup;		/* a folder of cgroup2 to be in, or NULL */
	const char *range;		/* "OFFSET:LENGTH", all that it is to use, or NULL */
};

/* Whether there is such a program, before it is started again and again. As partner_start(). */
int partner_possible(const char *name);
/* Returns an enum status; says what went wrong. */
int partner_start(struct partner *partner, char **words, const struct partner_options *options);
/* A word and the end of the line. Returns 0, or -EPIPE if nobody hears it. */
int partner_say(struct partner *partner, const char *word);
/*
 * The next line, without its end. Returns 1; 0 if there is none before the deadline
 * (CLOCK_MONOTONIC, ns; 0: what there is now); -EPIPE if there will be none.
 */
int partner_hear(struct partner *partner, char line[PARTNER_LINE], uint64_t deadline_ns);
/* Of "done E": true, and E. */
bool partner_done(const char *line, int *err);
/* Whether it has ended; @deadline_ns as above. */
bool partner_has_ended(struct partner *partner, uint64_t deadline_ns);
/* To it, also if it has joined another process group, and to its own one. */
void partner_signal(const struct partner *partner, int number);
/* "has exited with 1", "was ended by signal 11 (Segmentation fault)", "still runs". */
const char *partner_fate(struct partner *partner, char text[128]);
/*
 * Where its threads stand in the kernel, and those of what it has started, if no signal ends them:
 * "thread 12 (name): func; func". Calls @line for each. Returns how many.
 */
int partner_stacks(const struct partner *partner, void (*line)(void *context, const char *text),
		   void *context);
/*
 * Its end, and of all that it has started: the socket ends, then SIGKILL at the deadline. Returns
 * whether it is gone: what hangs in the kernel is left alone.
 */
bool partner_stop(struct partner *partner, uint64_t deadline_ns, uint64_t kill_deadline_ns);
/* That is so now of one that was stopped and was not gone. */
bool partner_is_gone(const struct partner *partner);
/*
 * What programs have started is ours when they end, also if it calls itself a daemon; children that
 * we have already are not. Returns 0 or a negative errno. Then partners_sweep() ends all that there
 * is, and returns whether it is gone: no program runs then.
 */
int partners_adopt(void);
bool partners_sweep(uint64_t deadline_ns);

#endif
