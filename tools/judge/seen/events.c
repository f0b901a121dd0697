// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "judge/seen/events.h"
#include "lib/text/message.h"
#include "watch/lines.h"

/* So many lines are enough to see what happened; the last ones count. */
#define DETAILS_MOST	100

const struct watch_event *events_next(const struct trial *trial, enum watch_what what,
				      uint64_t since_ns, const struct watch_event *event)
{
	const struct watch_event *end = trial->list.events + trial->list.count;

	for (event = event ? event + 1 : trial->list.events; event < end; event++)
		if (event->what == what && event->inode == trial->inode &&
		    event->time_ns >= since_ns)
			return event;
	return NULL;
}

const struct watch_event *events_first(const struct trial *trial, enum watch_what what,
				       uint64_t since_ns)
{
	return trial->list.count ? events_next(trial, what, since_ns, NULL) : NULL;
}

const struct watch_event *events_last(const struct trial *trial, enum watch_what what,
				      uint64_t since_ns)
{
	const struct watch_event *event = events_first(trial, what, since_ns), *last = NULL;

	for (; event; event = events_next(trial, what, since_ns, event))
		last = event;
	return last;
}

unsigned int events_count(const struct trial *trial, enum watch_what what, uint64_t since_ns,
			  bool failed)
{
	const struct watch_event *event = events_first(trial, what, since_ns);
	unsigned int count = 0;

	for (; event; event = events_next(trial, what, since_ns, event))
		count += (event->result < 0) == failed;
	return count;
}

static void detail(struct finding *finding, const struct trial *trial,
		   const struct watch_event *event)
{
	char took[48] = "", result[32] = "";

	if (event->begin_ns)
		snprintf(took, sizeof(took), " (%.3f ms)",
			 (double)(event->time_ns - event->begin_ns) / 1e6);
	if (event->result)
		snprintf(result, sizeof(result), " %s", errno_name(event->result));
	finding_detail(finding, "%10.3f ms %-12s%s%s%s%s%s%s",
		       ((double)event->time_ns - (double)trial->began_ns) / 1e6,
		       watch_word(event->what), result, *event->device ? " " : "", event->device,
		       *event->name ? " " : "", event->name, took);
}

void events_detail(struct finding *finding, const struct trial *trial)
{
	size_t count = 0, skip, i;

	for (i = 0; i < trial->list.count; i++)
		count += trial->list.events[i].inode == trial->inode;
	skip = count > DETAILS_MOST ? count - DETAILS_MOST : 0;
	if (skip)
		finding_detail(finding, "%zu earlier events", skip);
	for (i = 0; i < trial->list.count; i++) {
		if (trial->list.events[i].inode != trial->inode)
			continue;
		if (skip)
			skip--;
		else
			detail(finding, trial, &trial->list.events[i]);
	}
}
