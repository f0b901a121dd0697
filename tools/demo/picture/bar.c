// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "demo/picture/bar.h"
#include "lib/text/units.h"

void scale_reach(struct scale *scale, uint64_t time_ns)
{
	if (time_ns > scale->from_ns + scale->length_ns)
		scale->length_ns = time_ns - scale->from_ns;
}

char *scale_head(char head[BAR_TEXT], const struct scale *scale)
{
	char text[UNITS_TEXT];

	snprintf(head, BAR_TEXT, "0%*s", BAR_WIDTH - 1,
		 format_duration(text, scale->length_ns));
	return head;
}

static unsigned int scale_position(const struct scale *scale, uint64_t time_ns)
{
	double share;

	if (time_ns <= scale->from_ns)
		return 0;
	share = (double)(time_ns - scale->from_ns) / scale->length_ns;
	return share >= 1 ? BAR_WIDTH - 1 : share * (BAR_WIDTH - 1);
}

void bar_clear(struct bar *bar)
{
	memset(bar->cells, ' ', BAR_WIDTH);
	bar->cells[BAR_WIDTH] = '\0';
}

void bar_fill(struct bar *bar, const struct scale *scale, uint64_t from_ns,
	      uint64_t to_ns, char mark)
{
	unsigned int from = scale_position(scale, from_ns);
	unsigned int to = scale_position(scale, to_ns);

	if (to_ns >= from_ns)
		memset(bar->cells + from, mark, to - from + 1);
}

void bar_mark(struct bar *bar, const struct scale *scale, uint64_t time_ns, char mark)
{
	if (time_ns)
		bar->cells[scale_position(scale, time_ns)] = mark;
}
