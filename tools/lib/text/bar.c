// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "lib/text/bar.h"
#include "lib/text/units.h"

void scale_reach(struct scale *scale, uint64_t time_ns)
{
	if (time_ns > scale->from_ns && time_ns - scale->from_ns > scale->length_ns)
		scale->length_ns = time_ns - scale->from_ns;
}

unsigned int scale_position(const struct scale *scale, uint64_t time_ns)
{
	double share;

	if (time_ns <= scale->from_ns)
		return 0;
	share = (double)(time_ns - scale->from_ns) / (double)scale->length_ns;
	return share >= 1 ? scale->width - 1 : (unsigned int)(share * (scale->width - 1));
}

struct bar scale_head(const struct scale *scale)
{
	char text[UNITS_TEXT];
	struct bar bar;

	snprintf(bar.cells, sizeof(bar.cells), "0%*s", (int)scale->width - 1,
		 format_duration(text, scale->length_ns));
	return bar;
}

struct bar bar_empty(const struct scale *scale)
{
	struct bar bar;

	memset(bar.cells, ' ', scale->width);
	bar.cells[scale->width] = '\0';
	return bar;
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
