/* SPDX-License-Identifier: GPL-2.0-only */
/* Times, above the rows of a panel, and lines down from them. */
#ifndef SVG_AXIS_H
#define SVG_AXIS_H

#include "watch/svg/geometry.h"

void axis_draw(const struct panel *panel);
/* Across all rows: where events were lost. */
void losses_draw(const struct panel *panel);

#define INSTANT_TEXT	40
/* "+9.351 ms", since the panel's zero, to the nanosecond where that matters. Returns @text. */
char *instant_text(char text[INSTANT_TEXT], const struct window *window, uint64_t time_ns);

#endif
