/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SVG_POINTS_H
#define SVG_POINTS_H

#include "watch/svg/geometry.h"

/*
 * What has no length, as signs on a lane, with a caption where there is room. Those too near
 * to each other are one sign. @marks are in order.
 */
void points_draw(const struct panel *panel, const struct mark *marks, size_t count,
		 double middle);

#endif
