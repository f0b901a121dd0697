// SPDX-License-Identifier: GPL-2.0-only
#include "watch/svg/lanes.h"
#include "watch/view/remarks.h"

struct lanes_shown lanes_shown(const struct panel *panel, const struct row *row)
{
	const struct mark *mark = &panel->timeline->marks[row->first];
	const struct mark *end = mark + row->count;
	bool seen[ROW_LANES] = { false };
	struct lanes_shown shown = { 0 };
	unsigned int lane;

	for (; mark < end; mark++)
		if (mark->lane != LANE_NONE && is_visible(mark, &panel->window))
			seen[mark->lane] = true;
	for (lane = 0; lane < row->lanes; lane++)
		shown.place[lane] = seen[lane] ? (int)shown.count++ : -1;
	return shown;
}

/* One that has nothing here keeps the place of its label. */
double row_height(const struct panel *panel, const struct row *row)
{
	unsigned int count = lanes_shown(panel, row).count;

	return 2 * ROW_PADDING + LANE_HEIGHT * (count ? count : 1);
}
