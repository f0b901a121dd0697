/* SPDX-License-Identifier: GPL-2.0-only */
/* Times as places in a line of characters. */
#ifndef BAR_H
#define BAR_H

#include <stdint.h>

#define BAR_WIDTH	30	/* where nobody asks for another */
#define BAR_MOST	160
#define BAR_TEXT	(BAR_MOST + 1)

struct scale {
	uint64_t from_ns;
	uint64_t length_ns;	/* 1 or more */
	unsigned int width;	/* characters, 1 to BAR_MOST */
};

/* A string, up to the last cell that something is in. */
struct bar {
	char cells[BAR_TEXT];
};

/* Let it end at @time_ns, or later. */
void scale_reach(struct scale *scale, uint64_t time_ns);
/* What is above the bars: 0 and the length; returns @head. */
char *scale_head(char head[BAR_TEXT], const struct scale *scale);

void bar_clear(struct bar *bar);
/* Both ends included; nothing if it would end before it begins. */
void bar_fill(struct bar *bar, const struct scale *scale, uint64_t from_ns,
	      uint64_t to_ns, char mark);
/* 0: it did not happen. */
void bar_mark(struct bar *bar, const struct scale *scale, uint64_t time_ns, char mark);

#endif
