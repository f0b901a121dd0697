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

char *scale_head(char head[BAR_TEXT], const struct scale *scale)
{
	char text[UNITS_TEXT];

	snprintf(head, BAR_TEXT, "0%*s", (int)scale->width - 1,
		 format_duration(text, scale->length_ns));
	return head;
}

/* What is too early or too late is at the edge. */
static unsigned int position(const struct scale *scale, uint64_t time_ns)
{
	unsigned int last = scale->width - 1;
	double share;

	if (time_ns <= scale->from_ns)
		return 0;
	share = (double)(time_ns - scale->from_ns) / (double)scale->length_ns;
	return share >= 1 ? last : (unsigned int)(share * last);
}

void bar_clear(struct bar *bar)
{
	memset(bar->cells, '\0', sizeof(bar->cells));
}

void bar_fill(struct bar *bar, const struct scale *scale, uint64_t from_ns,
	      uint64_t to_ns, char mark)
{
	unsigned int from = position(scale, from_ns), to = position(scale, to_ns);
	size_t used = strlen(bar->cells);

	if (to_ns < from_ns)
		return;
	if (used < from)
		memset(bar->cells + used, ' ', from - used);
	memset(bar->cells + from, mark, to - from + 1);
}

void bar_mark(struct bar *bar, const struct scale *scale, uint64_t time_ns, char mark)
{
	if (time_ns)
		bar_fill(bar, scale, time_ns, time_ns, mark);
}
