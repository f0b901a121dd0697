/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether this machine was alive: on each CPU a thread that wakes every 10 ms notes how late it
 * was. What took too long while nothing ran has broken no clause. One CPU is enough: a virtual one
 * may be without a real one while the others go on, and what was awaited may have been there.
 */
#ifndef JUDGE_PULSE_H
#define JUDGE_PULSE_H

#include <stdint.h>

/* Both once. Returns 0 or a negative errno. */
int pulse_start(void);
void pulse_stop(void);

/* For how long some CPU ran nothing, in ns, from @begin_ns to @end_ns of CLOCK_MONOTONIC. */
uint64_t pulse_lost(uint64_t begin_ns, uint64_t end_ns);
/* The longest time, in one piece, that a CPU ran nothing: of the CPU for which that is shortest. */
uint64_t pulse_stood(uint64_t begin_ns, uint64_t end_ns);

#endif
