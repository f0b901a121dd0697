/* SPDX-License-Identifier: GPL-2.0-only */
/* Which lanes of a row are drawn: those with something in the window. */
#ifndef SVG_LANES_H
#define SVG_LANES_H

#include "watch/svg/geometry.h"

struct lanes_shown {
	unsigned int count;
	int place[ROW_LANES];	/* of each of the row's lanes; -1: not drawn */
};

struct lanes_shown lanes_shown(const struct panel *panel, const struct row *row);
double row_height(const struct panel *panel, const struct row *row);

#endif
