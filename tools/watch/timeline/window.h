/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of a recording that a picture of one buffer shows. */
#ifndef TIMELINE_WINDOW_H
#define TIMELINE_WINDOW_H

#include "watch/timeline/model.h"

struct window {
	uint64_t from_ns;
	uint64_t to_ns;		/* later than @from_ns */
	uint64_t zero_ns;	/* times are told since this: */
	bool invalidation;	/* the first one, or the buffer's first event */
};

/*
 * The invalidations of a buffer and what they have led to; all of its time if @whole, or if
 * there was none.
 */
struct window window_of(const struct timeline *timeline, const struct dmabuf *dmabuf,
			bool whole);

#endif
