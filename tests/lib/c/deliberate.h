/* SPDX-License-Identifier: GPL-2.0-only */
/* Bugs on purpose, and the time that calls take. */
#ifndef TESTS_DELIBERATE_H
#define TESTS_DELIBERATE_H

#include "common.h"

/*
 * One measurement cannot tell a slow call, or a worker, from a busy host; the quickest of
 * many can: whatever delays each of them on purpose delays that one too.
 */
uint64_t quickest(uint64_t (*measure)(void));
/* Less than any deliberate delay of the exporter, which are 100 ms. */
#define QUICK (60 * MSEC)

/* Lets time pass: a job that lasts so long, on a buffer and device of its own. */
void let_pass(uint64_t ns);
struct buffer buffer_alloc_faulty(uint64_t length, uint32_t flags,
				  uint64_t faults);

#endif
