/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trace of our own: an instance of tracefs and a group of probes, both named with our pid and its
 * namespace. What a killed one has left behind is removed by the next.
 */
#ifndef RECORD_INSTANCE_H
#define RECORD_INSTANCE_H

#include <stdint.h>

#include "watch/record/trace/raw.h"

struct tracefs_instance;

struct instance {
	char name[64];			/* of the group, too */
	struct tracefs_instance *tracefs;
};

/* Instances and probes of processes of our namespace that are no more. */
void instance_clean_up(void);

/* Without events, and off. Both return an enum status, and say what went wrong. */
int instance_make(struct instance *instance, uint64_t bytes_per_cpu);
int instance_start(const struct instance *instance, const struct sources *sources);
/* No more events; what was recorded is there still. */
void instance_stop(const struct instance *instance);
/* With its probes; nobody may have a file of it open. Also if it was not made. */
void instance_remove(struct instance *instance);

#endif
