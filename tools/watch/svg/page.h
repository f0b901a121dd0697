/* SPDX-License-Identifier: GPL-2.0-only */
/* The timeline as a picture: SVG without scripts, in light and in dark. */
#ifndef SVG_PAGE_H
#define SVG_PAGE_H

#include <stdio.h>

#include "watch/lines.h"
#include "watch/summary/facts.h"
#include "watch/view/choice.h"

struct page {
	const struct watch_origin *origin;
	const struct timeline *timeline;
	const struct facts *facts;
	const struct choice_of *choice;
	const char *lost;		/* said first, or "" */
};

void page_draw(FILE *out, const struct page *page);

#endif
