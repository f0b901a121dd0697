/* SPDX-License-Identifier: GPL-2.0-only */
/* What is probed: the core by name, candidates, and trace events that the kernel may have. */
#ifndef RECORD_PROBES_H
#define RECORD_PROBES_H

#include "watch/record/kernel/candidates.h"
#include "watch/record/kernel/offsets.h"
#include "watch/record/trace/raw.h"

/*
 * Define all as events of @group, and add them to @sources with the trace events there are.
 * Returns an enum status; says what went wrong, or what is not seen.
 */
int probes_define(const char *group, const struct offsets *offsets,
		  const struct candidates *candidates, struct sources *sources);

/*
 * Both ends of the probe that is called @event where it begins, as somebody has recorded them;
 * none, if no probe of ours is called so. Returns 0 or -ENOMEM.
 */
int probes_add(struct sources *sources, const char *group, const char *event);

#endif
