/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows and marks while a timeline is made. */
#ifndef TIMELINE_MARKS_H
#define TIMELINE_MARKS_H

#include "watch/timeline/keys.h"
#include "watch/timeline/model.h"

struct builder {
	struct timeline *timeline;
	int error;			/* the first one; all else is void then */
	struct keys rows;
	struct keys open;		/* chains of marks that have not ended */
	struct keys devices;		/* rows of importers, by device */
};

/* What ends one mark rather than another: numbers that both events have. */
struct match {
	uint64_t one;
	uint64_t two;
};

/* Both return an index; there is none after an error, but 0. */
uint32_t builder_row(struct builder *builder, enum row_kind kind, uint64_t buffer,
		     uint64_t number);
/* From @event's beginning to its end. */
uint32_t builder_mark(struct builder *builder, uint32_t row, enum mark_kind kind,
		      const struct watch_event *event);

/* From @event on, until it is ended. */
void builder_open(struct builder *builder, uint32_t row, enum mark_kind kind,
		  struct match match, const struct watch_event *event);
/*
 * End the one that has been open for longest; if there is none it had begun before the
 * recording.
 */
void builder_close(struct builder *builder, uint32_t row, enum mark_kind kind,
		   struct match match, const struct watch_event *event);
/* End all that are open, if any, because of something else. */
void builder_cut(struct builder *builder, uint32_t row, enum mark_kind kind,
		 struct match match, const struct watch_event *event);
/* A fence signals for all buffers it is on. False: it is on none. */
bool builder_signal(struct builder *builder, const struct watch_event *event);

#endif
