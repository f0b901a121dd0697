/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SUMMARY_REFUSALS_H
#define SUMMARY_REFUSALS_H

#include "watch/summary/facts.h"

/* Calls that were refused, those alike as one. Returns 0 or -ENOMEM. */
int find_refusals(struct facts *facts, const struct timeline *timeline);

#endif
