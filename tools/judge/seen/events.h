/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions to what was recorded in a trial, of its buffer. */
#ifndef JUDGE_EVENTS_H
#define JUDGE_EVENTS_H

#include "judge/trial.h"

/* The next of that sort after @event (NULL: the first), not before @since_ns; or NULL. */
const struct watch_event *events_next(const struct trial *trial, enum watch_what what,
				      uint64_t since_ns, const struct watch_event *event);
const struct watch_event *events_first(const struct trial *trial, enum watch_what what,
				       uint64_t since_ns);
const struct watch_event *events_last(const struct trial *trial, enum watch_what what,
				      uint64_t since_ns);
/* How many, with results of 0, or all with a negative one. */
unsigned int events_count(const struct trial *trial, enum watch_what what, uint64_t since_ns,
			  bool failed);
/* All of the buffer, a line each, as details: times count from the beginning of the trial. */
void events_detail(struct finding *finding, const struct trial *trial);

#endif
