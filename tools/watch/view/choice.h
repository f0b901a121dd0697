/* SPDX-License-Identifier: GPL-2.0-only */
/* What of a timeline is shown. */
#ifndef VIEW_CHOICE_H
#define VIEW_CHOICE_H

#include "watch/timeline/model.h"

/* Beyond these nobody finds anything; that more is there is said. */
#define SHOWN_BUFFERS	16
#define SHOWN_ROWS	64	/* of a buffer */

struct choice_of {
	uint64_t buffer;	/* 0: all */
	bool whole;		/* all of the time, not only the invalidations */
};

struct shown {
	const struct dmabuf *dmabufs[SHOWN_BUFFERS];
	size_t count;
	uint64_t left_out;
};

/* If not all can be shown, rather those that were invalidated. By number. */
struct shown choose(const struct timeline *timeline, const struct choice_of *choice);

#endif
