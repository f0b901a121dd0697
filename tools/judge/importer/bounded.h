/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of ours that take a lock which a driver under test may hold for ever: within these two a
 * signal comes after a while, and again, so that they end with EINTR. By one thread at a time.
 */
#ifndef JUDGE_IMPORTER_BOUNDED_H
#define JUDGE_IMPORTER_BOUNDED_H

#include <stdbool.h>
#include <stdint.h>

#include "judge/context.h"

void bounded_begin(uint64_t ns);
void bounded_end(void);

/*
 * For what no signal ends there is a process of its own. It begins with this: what it has of the
 * judge's would stay open as long as it hangs.
 */
void bounded_child(const struct judge *judge);
/* Whether it ends within that; @process: a pidfd of it. */
bool bounded_child_ends(int process, uint64_t ns);

#endif
