/* SPDX-License-Identifier: GPL-2.0-only */
/* Trace events of the kernel and of our modules. */
#ifndef RECORD_EVENTS_H
#define RECORD_EVENTS_H

#include "watch/record/trace/raw.h"

typedef bool (*events_there)(void *context, const char *system, const char *event);

/*
 * Add those of them that are @there; with @no_probes also those that say what probes would.
 * Returns 0 or -ENOMEM.
 */
int events_add(struct sources *sources, events_there there, void *context, bool no_probes);

#endif
