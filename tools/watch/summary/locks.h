/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SUMMARY_LOCKS_H
#define SUMMARY_LOCKS_H

#include "watch/summary/facts.h"

/*
 * Waits for fences with the resv lock held, each with the hold that it lies in, and who
 * waited for the lock meanwhile. Returns 0 or -ENOMEM.
 */
int find_locked_waits(struct facts *facts, const struct timeline *timeline);

#endif
