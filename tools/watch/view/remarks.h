/* SPDX-License-Identifier: GPL-2.0-only */
/* What is to be said of a row beside its bar, in few words. */
#ifndef VIEW_REMARKS_H
#define VIEW_REMARKS_H

#include "watch/summary/facts.h"
#include "watch/timeline/window.h"

#define REMARK_TEXT	400

/* Of what is in @window; refused calls of all of the time. Returns @text. */
char *remark(char text[REMARK_TEXT], const struct timeline *timeline,
	     const struct facts *facts, const struct row *row,
	     const struct window *window);

static inline bool is_visible(const struct mark *mark, const struct window *window)
{
	return mark->begin_ns <= window->to_ns && mark->end_ns >= window->from_ns;
}

#endif
