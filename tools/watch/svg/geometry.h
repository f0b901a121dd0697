/* SPDX-License-Identifier: GPL-2.0-only */
/* Where things are in the picture, in pixels. */
#ifndef SVG_GEOMETRY_H
#define SVG_GEOMETRY_H

#include <stdio.h>

#include "watch/summary/facts.h"
#include "watch/timeline/window.h"

#define PAGE_WIDTH	1280
#define PAGE_MARGIN	16
#define LABEL_CHARS	33	/* of a row's label */
#define PLOT_LEFT	340	/* labels are left of it */
#define PLOT_RIGHT	(PAGE_WIDTH - PAGE_MARGIN)
#define LANE_HEIGHT	16
#define SPAN_HEIGHT	12
#define ROW_PADDING	3	/* above and below its lanes */
#define TITLE_HEIGHT	42	/* of a panel */
#define AXIS_HEIGHT	18
#define PANEL_GAP	22
/* Monospaced, 10 pixels high. */
#define CHAR_WIDTH	6.03

/* One buffer's part of the picture. */
struct panel {
	FILE *out;
	const struct timeline *timeline;
	const struct facts *facts;
	const struct dmabuf *dmabuf;
	struct window window;
	size_t rows;		/* as many are shown */
	double top;		/* of the first row */
	double bottom;		/* of the last one */
};

/* Not beyond the plot's edges. */
static inline double x_of(const struct panel *panel, uint64_t time_ns)
{
	const struct window *window = &panel->window;
	double share;

	if (time_ns <= window->from_ns)
		return PLOT_LEFT;
	if (time_ns >= window->to_ns)
		return PLOT_RIGHT;
	share = (double)(time_ns - window->from_ns) / (double)(window->to_ns - window->from_ns);
	return PLOT_LEFT + share * (PLOT_RIGHT - PLOT_LEFT);
}

#endif
