/* SPDX-License-Identifier: GPL-2.0-only */
/* Who keeps the resv lock of a buffer, but for moments. */
#ifndef TESTS_KEEPER_H
#define TESTS_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>

#include "common.h"

struct keeper {
	int att;
	pthread_t thread;
	atomic_int tid;
	atomic_bool stop;
	atomic_uint maps;
};

/* Whose resv lock can be kept: a map takes 100 ms, with the lock held. */
struct buffer buffer_that_maps_slowly(uint64_t length);
/*
 * Maps it again and again, in a real-time thread that takes no SIGALRM. Returns while
 * it maps.
 */
void keeper_begin(struct keeper *keeper, int dmabuf);
void keeper_end(struct keeper *keeper);

#endif
