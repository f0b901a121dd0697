/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording as JSON lines. The first one is
 *
 *   {"dmabuf_revoke_watch": 1, "kernel": "7.3.4", "clock": "monotonic"}
 *
 * each other one an event: its members are those of struct watch_event, "what" is a word
 * of watch_word(), and what is 0 or "" is left out.
 */
#ifndef WATCH_LINES_H
#define WATCH_LINES_H

#include <stdio.h>

#include "watch/list.h"

/* Of errnos and small numbers. */
#define LINES_MOST	4095

struct watch_origin {
	char kernel[WATCH_NAME_LEN];	/* its release, or "" */
	char clock[16];			/* of the times */
};

/* "fence_signal" of WATCH_FENCE_SIGNAL. */
const char *watch_word(enum watch_what what);

void lines_write_origin(FILE *out, const struct watch_origin *origin);
void lines_write_event(FILE *out, const struct watch_event *event);
/* All, and how many did not fit into the list. */
void lines_write(FILE *out, const struct watch_origin *origin,
		 const struct watch_list *list);

/*
 * Appends to @list. @name is what messages call @in. Returns an enum status; says what
 * was wrong, and what it did not know and left out.
 */
int lines_read(FILE *in, const char *name, struct watch_origin *origin,
	       struct watch_list *list);

#endif
