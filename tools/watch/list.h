/* SPDX-License-Identifier: GPL-2.0-only */
/* What was recorded, in order of time. */
#ifndef WATCH_LIST_H
#define WATCH_LIST_H

#include <stddef.h>

#include "watch/event.h"

/* 248 MiB of them. What comes later is counted only. */
#define WATCH_LIST_MOST	((size_t)1 << 20)

struct watch_list {
	struct watch_event *events;
	size_t count;
	size_t room;
	uint64_t dropped;	/* events that did not fit, or had been lost before */
};

/* Returns 0, also if it was dropped, or -ENOMEM. */
int watch_list_add(struct watch_list *list, const struct watch_event *event);
/* By @time_ns; those of one time stay in order. Returns 0 or -ENOMEM. */
int watch_list_sort(struct watch_list *list);
void watch_list_free(struct watch_list *list);

#endif
