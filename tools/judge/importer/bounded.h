/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of ours that take a lock which a driver under test may hold for ever: within these two a
 * signal comes after a while, and again, so that they end with EINTR. By one thread at a time.
 */
#ifndef JUDGE_IMPORTER_BOUNDED_H
#define JUDGE_IMPORTER_BOUNDED_H

#include <stdint.h>

void bounded_begin(uint64_t ns);
void bounded_end(void);

#endif
