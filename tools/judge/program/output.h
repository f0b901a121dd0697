/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program prints, which is not to mix with what we print: the last of it is kept, however
 * much it is, and the program never waits for us.
 */
#ifndef JUDGE_OUTPUT_H
#define JUDGE_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_KEPT	4096

struct output {
	int out, in;			/* of a pipe; @in is the program's; -1: closed */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;		/* of what follows */
	char kept[OUTPUT_KEPT];		/* a ring */
	size_t count;			/* bytes ever */
};

/* Returns 0 or a negative errno. */
int output_start(struct output *output);
/* After the program was started. */
void output_started(struct output *output);
/* Also if somebody still has the other end. */
void output_end(struct output *output);
/* The last lines, @size bytes at most with the 0; "" if there are none. */
void output_last(struct output *output, char *text, size_t size);

#endif
