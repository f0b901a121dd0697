/* SPDX-License-Identifier: GPL-2.0-only */
/* Who holds the resv lock of a buffer, and for how long. */
#ifndef TESTS_HOLDER_H
#define TESTS_HOLDER_H

#include <pthread.h>
#include <stdatomic.h>

#include "common.h"

/* As long as a callback may take. */
#define HELD_LONGEST (10 * SEC)

/* A thread that suspends the buffer, which takes as long as the callbacks of its importers. */
struct holder {
	pthread_t thread;
	uint64_t id;
	int att;		/* holder_begin()'s */
	atomic_bool let_go;
};

/* With the callbacks of attachments that there are. Until holder_await(). */
void holder_suspend(struct holder *holder, uint64_t id);
void holder_await(struct holder *holder);
/* By a callback of its own, which has begun when this returns; it lasts HELD_LONGEST. */
void holder_begin(struct holder *holder, const struct buffer *buffer);
bool holder_has_let_go(const struct holder *holder);
/* That ends the callback. */
void holder_end(struct holder *holder);

/*
 * A thread that maps for a static importer. Since Linux 7.1 it holds the lock until fences of
 * usage KERNEL have signalled.
 */
struct mapper {
	pthread_t thread;
	int att;
	atomic_int tid;
	int result;
};

/* Skips the case where nobody waits with the lock. */
void mapper_need(void);
void mapper_attach(struct mapper *mapper, const struct buffer *buffer);
/* Returns when it waits, where it does. */
void mapper_begin(struct mapper *mapper);
/* It has to have mapped. */
void mapper_end(struct mapper *mapper);

#endif
