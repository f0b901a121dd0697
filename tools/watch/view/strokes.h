/* SPDX-License-Identifier: GPL-2.0-only */
/* A row as one bar of characters, the more telling over the less. */
#ifndef VIEW_STROKES_H
#define VIEW_STROKES_H

#include "lib/text/bar.h"
#include "watch/timeline/window.h"

struct bar strokes_of(const struct timeline *timeline, const struct row *row,
		      const struct window *window, const struct scale *scale);

#endif
