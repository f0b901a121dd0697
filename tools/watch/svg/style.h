/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SVG_STYLE_H
#define SVG_STYLE_H

#include <stdio.h>

#define LEGEND_HEIGHT	46

/* The beginning of the file: sizes and colours. */
void style_begin(FILE *out, double height);
void line_draw(FILE *out, const char *class, double x1, double y1, double x2, double y2,
	       const char *title);
/* What the colours and signs mean. */
void legend_draw(FILE *out, double top);

#endif
