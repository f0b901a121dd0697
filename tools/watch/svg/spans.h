/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SVG_SPANS_H
#define SVG_SPANS_H

#include "watch/svg/geometry.h"

/*
 * What one lane shows that has a length. @marks are those of the lane, in order; @middle is
 * the lane's. None overlaps another: what is too short beside its neighbour is one with it.
 */
void spans_draw(const struct panel *panel, const struct mark *marks, size_t count,
		double middle);
/* From when on, until when the row is there: a thin line. */
void life_draw(const struct panel *panel, const struct mark *mark, double middle);

#endif
