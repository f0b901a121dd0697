/* SPDX-License-Identifier: GPL-2.0-only */
/* Times as bars of characters, all to one scale. */
#ifndef BAR_H
#define BAR_H

#include <stdint.h>

#define BAR_WIDTH	32	/* where nobody asks for another */
#define BAR_MOST	160

struct scale {
	uint64_t from_ns;
	uint64_t length_ns;	/* 1 or more */
	unsigned int width;	/* characters, at most BAR_MOST */
};

struct bar {
	char cells[BAR_MOST + 1];
};

/* So that it also shows @time_ns. */
void scale_reach(struct scale *scale, uint64_t time_ns);
/* In which cell. What is too early or too late is in the first or last one. */
unsigned int scale_position(const struct scale *scale, uint64_t time_ns);
/* "0            28.4 ms", as wide as a bar. */
struct bar scale_head(const struct scale *scale);

struct bar bar_empty(const struct scale *scale);
/* Nothing, if @to_ns is before @from_ns. */
void bar_fill(struct bar *bar, const struct scale *scale, uint64_t from_ns,
	      uint64_t to_ns, char mark);
/* Nothing, if @time_ns is 0. */
void bar_mark(struct bar *bar, const struct scale *scale, uint64_t time_ns, char mark);

#endif
