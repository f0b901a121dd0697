// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "watch/list.h"

#define FIRST_ROOM	((size_t)256)

int watch_list_add(struct watch_list *list, const struct watch_event *event)
{
	struct watch_event *events;
	size_t room;

	if (list->count == WATCH_LIST_MOST) {
		list->dropped += event->what == WATCH_LOST ? event->size : 1;
		return 0;
	}
	if (list->count == list->room) {
		room = list->room ? 2 * list->room : FIRST_ROOM;
		events = reallocarray(list->events, room, sizeof(*events));
		if (!events)
			return -ENOMEM;
		list->events = events;
		list->room = room;
	}
	list->events[list->count++] = *event;
	return 0;
}

static bool in_order(const struct watch_list *list)
{
	size_t i;

	for (i = 1; i < list->count; i++)
		if (list->events[i].time_ns < list->events[i - 1].time_ns)
			return false;
	return true;
}

/* Of pointers into one array, so that their order is that of the array. */
static int compare(const void *one, const void *two)
{
	const struct watch_event *a = *(const struct watch_event *const *)one;
	const struct watch_event *b = *(const struct watch_event *const *)two;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return a < b ? -1 : a > b;
}

int watch_list_sort(struct watch_list *list)
{
	const struct watch_event **order;
	struct watch_event *events;
	size_t i;

	if (in_order(list))
		return 0;
	order = calloc(list->count, sizeof(*order));
	events = calloc(list->count, sizeof(*events));
	if (!order || !events) {
		free(order);
		free(events);
		return -ENOMEM;
	}
	for (i = 0; i < list->count; i++)
		order[i] = &list->events[i];
	qsort(order, list->count, sizeof(*order), compare);
	for (i = 0; i < list->count; i++)
		events[i] = *order[i];
	free(order);
	free(list->events);
	list->events = events;
	list->room = list->count;
	return 0;
}

void watch_list_free(struct watch_list *list)
{
	free(list->events);
	*list = (struct watch_list){ 0 };
}
