// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <string.h>

#include "lib/encoding/xml.h"
#include "watch/svg/geometry.h"
#include "watch/svg/style.h"

/* Colours that also those can tell apart who do not see all of them (Okabe and Ito). */
static const char style[] =
"<style>\n"
"text { font: 10px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #222 }\n"
".page { fill: #fff } .plot { fill: #f7f7f5 }\n"
".head { font-size: 14px; font-weight: bold } .title { font-size: 12px; font-weight: bold }\n"
".label { font-size: 11px } .lane, .tick { fill: #666 } .warn { fill: #b00020; font-weight: bold }\n"
".grid, .rule { stroke: #ddd; stroke-width: 1 } .rule { stroke: #ccc }\n"
".zero { stroke: #d55e00; stroke-width: 1 } .lost { stroke: #b00020; stroke-dasharray: 4 3 }\n"
".life { stroke: #8a8a8a; stroke-width: 2 }\n"
".state { fill: #d9d9d9; stroke: #fff } .invalidate { fill: #d55e00 } .wait { fill: #cc79a7 }\n"
".locked { fill: #a0003c } .held { fill: #9a9a9a } .contended { fill: #e8c500 }\n"
".pinned { fill: #0072b2 } .mapped { fill: #56b4e9 } .job, .fence { fill: #009e73 }\n"
".told { fill: #e69f00 } .access { fill: #44aa99 } .vmapped { fill: #88ccee }\n"
".open { fill-opacity: .45; stroke: #555; stroke-width: .8; stroke-dasharray: 3 2 }\n"
".sign { fill: none; stroke-width: 1.4 } .bad { stroke: #c00020 } .mild { stroke: #555 }\n"
".full.bad { fill: #c00020 } .full.mild { fill: #555 }\n"
".in { fill: #000 } .invalidate + .in, .locked + .in, .pinned + .in { fill: #fff }\n"
".fence + .in, .job + .in { fill: #fff } .open + .in { fill: #000 }\n"
".on { stroke: #f7f7f5; stroke-width: 7; stroke-linejoin: round; paint-order: stroke }\n"
"@media (prefers-color-scheme: dark) {\n"
"text { fill: #ddd } .page { fill: #16181c } .plot { fill: #1e2126 }\n"
".lane, .tick { fill: #9aa0a6 } .warn { fill: #ff7b8a } .grid { stroke: #33373d } .rule { stroke: #3c4148 }\n"
".life { stroke: #8f959c } .lost { stroke: #ff7b8a } .state { fill: #4a4f57; stroke: #16181c } .state + .in { fill: #eee }\n"
".bad { stroke: #ff5c70 } .full.bad { fill: #ff5c70 } .mild { stroke: #c3c7cc } .full.mild { fill: #c3c7cc }\n"
".open + .in { fill: #eee } .on { stroke: #1e2126 }\n"
".locked { fill: #e0325f } .open { stroke: #bbb } .beside { fill: #c3c7cc } .zero { stroke: #ff8a3c }\n"
"}\n"
"</style>\n";

struct meaning {
	const char *class;
	const char *path;	/* NULL: a rectangle */
	const char *text;	/* NULL ends an array */
};

static const struct meaning colours[] = {
	{ "invalidate", NULL, "invalidate" },
	{ "wait", NULL, "fence wait" },
	{ "locked", NULL, "the same, resv lock held" },
	{ "held", NULL, "lock held" },
	{ "contended", NULL, "lock waited for" },
	{ "told", NULL, "callback" },
	{ "mapped", NULL, "mapped" },
	{ "pinned", NULL, "pinned" },
	{ "fence", NULL, "fence pending, DMA" },
	{ "access", NULL, "CPU access" },
	{ "state open", NULL, "begin or end not seen" },
	{ 0 },
};

static const struct meaning signs[] = {
	{ "bad", "m-4,-4l8,8m0,-8l-8,8", "refused" },
	{ "bad full", "m-4,-4h8v8h-8z", "IOMMU fault" },
	{ "bad full", "m0,-4.5l4.5,4.5l-4.5,4.5l-4.5,-4.5z", "SIGBUS" },
	{ "mild", "m0,-4l4,4l-4,4l-4,-4z", "page fault" },
	{ "mild", "m-4,3.5l4,-7l4,7z", "mmap" },
	{ "mild full", "m-4,-3.5l4,7l4,-7z", "zap" },
	{ "lane", "m-3,0", "? a guess: no kernel tells which importer a fence belongs to" },
	{ 0 },
};

void style_begin(FILE *out, double height)
{
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%d\" ",
		PAGE_WIDTH);
	fprintf(out, "height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n", height, PAGE_WIDTH, height);
	fprintf(out, "<title>Timeline of dma-bufs</title>\n%s", style);
	fprintf(out, "<rect class=\"page\" width=\"%d\" height=\"%.0f\"/>\n", PAGE_WIDTH, height);
}

void line_draw(FILE *out, const char *class, double x1, double y1, double x2, double y2,
	       const char *title)
{
	fprintf(out, "<line class=\"%s\" x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\">",
		class, x1, y1, x2, y2);
	if (title) {
		fputs("<title>", out);
		xml_print(out, title);
		fputs("</title>", out);
	}
	fputs("</line>\n", out);
}

/* Returns where the next one is. */
static double draw_meaning(FILE *out, const struct meaning *meaning, double x, double middle)
{
	if (meaning->path)
		fprintf(out, "<path class=\"sign %s\" d=\"M%.1f,%.1f%s\"/>\n", meaning->class,
			x + 6, middle, meaning->path);
	else
		fprintf(out, "<path class=\"%s\" d=\"M%.1f,%.1fh12v10h-12z\"/>\n", meaning->class,
			x, middle - 5);
	x += 16;
	fprintf(out, "<text class=\"lane\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x, middle + 3.5,
		meaning->text);
	return x + (double)strlen(meaning->text) * CHAR_WIDTH + 12;
}

void legend_draw(FILE *out, double top)
{
	const struct meaning *meaning;
	double x = PAGE_MARGIN;

	fputs("<g class=\"legend\">\n", out);
	for (meaning = colours; meaning->text; meaning++)
		x = draw_meaning(out, meaning, x, top + 8);
	x = PAGE_MARGIN;
	for (meaning = signs; meaning->text; meaning++)
		x = draw_meaning(out, meaning, x, top + 28);
	fputs("</g>\n", out);
}
