// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "lib/encoding/xml.h"
#include "lib/text/message.h"
#include "watch/lines.h"
#include "watch/timeline/words.h"
#include "watch/view/remarks.h"
#include "watch/svg/axis.h"
#include "watch/svg/points.h"

#define HALF		4.5	/* of a sign's width */
#define TITLE_LINES	8
#define CAPTION_TEXT	80

/* Signs in one place. */
struct cluster {
	const struct mark *marks[TITLE_LINES];
	const struct mark *worst;	/* whose sign is drawn */
	uint64_t count;
	bool alike;			/* all have one caption */
	double x;
};

static void caption_of(char text[CAPTION_TEXT], const struct mark *mark)
{
	if (mark->kind == MARK_REFUSED)
		snprintf(text, CAPTION_TEXT, "%s %s", watch_word(mark->event->what),
			 errno_name(mark->event->result));
	else if (mark->kind == MARK_NOTE)
		snprintf(text, CAPTION_TEXT, "%.60s", mark->event->name);
	else
		snprintf(text, CAPTION_TEXT, "%s", mark_word(mark->kind));
}

static void add(struct cluster *cluster, const struct mark *mark)
{
	char one[CAPTION_TEXT], other[CAPTION_TEXT];

	caption_of(one, mark);
	if (cluster->count) {
		caption_of(other, cluster->marks[0]);
		cluster->alike = cluster->alike && !strcmp(one, other);
	}
	if (cluster->count < TITLE_LINES)
		cluster->marks[cluster->count] = mark;
	cluster->count++;
	/* Kinds are in the order of how bad they are, but for the IOMMU's. */
	if (!cluster->worst || mark->kind == MARK_DMA_FAULT ||
	    (mark->kind < cluster->worst->kind && cluster->worst->kind != MARK_DMA_FAULT))
		cluster->worst = mark;
}

static void print_title(const struct panel *panel, const struct cluster *cluster)
{
	char text[MARK_TEXT], at[INSTANT_TEXT];
	uint64_t i;

	fputs("<title>", panel->out);
	for (i = 0; i < cluster->count && i < TITLE_LINES; i++) {
		fprintf(panel->out, "%s%s ", i ? "\n" : "",
			instant_text(at, &panel->window, cluster->marks[i]->begin_ns));
		xml_print(panel->out, mark_text(text, cluster->marks[i]));
	}
	if (cluster->count > TITLE_LINES)
		fprintf(panel->out, "\nand %" PRIu64 " more", cluster->count - TITLE_LINES);
	fputs("</title>", panel->out);
}

static void print_path(const struct panel *panel, enum mark_kind kind, double x, double y)
{
	static const struct {
		const char *class;
		const char *path;
	} signs[] = {
		[MARK_REFUSED] = { "bad", "m-4,-4l8,8m0,-8l-8,8" },
		[MARK_SIGBUS] = { "bad full", "m0,-4.5l4.5,4.5l-4.5,4.5l-4.5,-4.5z" },
		[MARK_FAULT] = { "mild", "m0,-4l4,4l-4,4l-4,-4z" },
		[MARK_MMAP] = { "mild", "m-4,3.5l4,-7l4,7z" },
		[MARK_ZAP] = { "mild full", "m-4,-3.5l4,7l4,-7z" },
		[MARK_DMA_FAULT] = { "bad full", "m-4,-4h8v8h-8z" },
		[MARK_NOTE] = { "mild", "m-3.5,-3.5h7v7h-7z" },
		[MARK_LOST] = { "bad", "m-4,0h8" },
	};

	fprintf(panel->out, "<path class=\"sign %s\" d=\"M%.2f,%.1f%s\">", signs[kind].class, x, y,
		signs[kind].path);
}

static void caption_of_all(char text[CAPTION_TEXT + 32], const struct cluster *cluster)
{
	char one[CAPTION_TEXT];

	caption_of(one, cluster->worst);
	if (cluster->count == 1)
		snprintf(text, CAPTION_TEXT + 32, "%s", one);
	else if (cluster->alike)
		snprintf(text, CAPTION_TEXT + 32, "%s ×%" PRIu64, one, cluster->count);
	else
		snprintf(text, CAPTION_TEXT + 32, "%s +%" PRIu64, one, cluster->count - 1);
}

/*
 * Between @from, where what comes before it ends, and @to, where the next one begins: its
 * caption is right of it, or left, or there is none. Returns where it ends.
 */
static double draw(const struct panel *panel, const struct cluster *cluster, double from,
		   double to, double middle)
{
	char text[CAPTION_TEXT + 32];
	double width, left = cluster->x + HALF + 3;

	print_path(panel, cluster->worst->kind, cluster->x, middle);
	print_title(panel, cluster);
	fputs("</path>\n", panel->out);
	caption_of_all(text, cluster);
	width = (double)strlen(text) * CHAR_WIDTH;
	if (left + width + 3 > to)
		left = cluster->x - HALF - 3 - width;
	if (left < from + 3)
		return cluster->x + HALF;
	fprintf(panel->out, "<text class=\"beside on\" x=\"%.2f\" y=\"%.1f\">", left, middle + 3.5);
	xml_print(panel->out, text);
	fputs("</text>\n", panel->out);
	return left > cluster->x ? left + width : cluster->x + HALF;
}

static double inside(double x)
{
	if (x < PLOT_LEFT + HALF)
		return PLOT_LEFT + HALF;
	return x > PLOT_RIGHT - HALF ? PLOT_RIGHT - HALF : x;
}

void points_draw(const struct panel *panel, const struct mark *marks, size_t count,
		 double middle)
{
	struct cluster cluster = { .count = 0 };
	double x, from = PLOT_LEFT;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!is_visible(&marks[i], &panel->window))
			continue;
		x = inside(x_of(panel, marks[i].begin_ns));
		if (cluster.count && x - cluster.x > 2 * HALF + 1) {
			from = draw(panel, &cluster, from, x - HALF, middle);
			cluster.count = 0;
		}
		if (!cluster.count)
			cluster = (struct cluster){ .x = x, .alike = true };
		add(&cluster, &marks[i]);
	}
	if (cluster.count)
		draw(panel, &cluster, from, PLOT_RIGHT, middle);
}
