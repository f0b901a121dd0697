// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "lib/encoding/xml.h"
#include "watch/timeline/words.h"
#include "watch/view/remarks.h"
#include "watch/svg/lanes.h"
#include "watch/svg/points.h"
#include "watch/svg/rows.h"
#include "watch/svg/spans.h"
#include "watch/svg/style.h"

static double middle_of(double top, int place)
{
	return top + ROW_PADDING + LANE_HEIGHT * (place + 0.5);
}

static void draw_label(const struct panel *panel, const struct row *row, double top)
{
	char label[LABEL_TEXT], text[REMARK_TEXT];

	row_label(label, row);
	fprintf(panel->out, "<text class=\"label\" x=\"%d\" y=\"%.1f\">", PAGE_MARGIN,
		middle_of(top, 0) + 4);
	xml_print_short(panel->out, label, LABEL_CHARS);
	fputs("<title>", panel->out);
	xml_print(panel->out, label);
	fputs("\n", panel->out);
	xml_print(panel->out, remark(text, panel->timeline, panel->facts, row, &panel->window));
	fputs("</title></text>\n", panel->out);
}

/* What a lane shows; of its first one, what the row is. */
static void lane_label(char text[LABEL_TEXT], const struct row *row, unsigned int lane)
{
	enum mark_kind kind = row->lane_kind[lane];
	bool again = lane && row->lane_kind[lane - 1] == kind;

	if (row->kind == ROW_FENCES && !lane && row->owner)
		snprintf(text, LABEL_TEXT, "of importer %" PRIu64 "%s", row->owner,
			 row->guessed ? "?" : "");
	else if (kind == MARK_LIFE)
		snprintf(text, LABEL_TEXT, "%s", row->number ? importer_kind(row) : "");
	else
		snprintf(text, LABEL_TEXT, "%s", again ? "" : mark_word(kind));
}

static void draw_lane_label(const struct panel *panel, const struct row *row,
			    unsigned int lane, double middle)
{
	char text[LABEL_TEXT];

	lane_label(text, row, lane);
	if (!*text)
		return;
	fprintf(panel->out, "<text class=\"lane\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
		PLOT_LEFT - 6, middle + 3.5);
	xml_print_short(panel->out, text, 18);
	fputs("</text>\n", panel->out);
}

/* The marks of a lane lie side by side; on the first one lives come before points. */
static void draw_lanes(const struct panel *panel, const struct row *row,
		       const struct lanes_shown *shown, double top)
{
	const struct mark *marks = &panel->timeline->marks[row->first];
	size_t from = 0, to;

	while (from < row->count && marks[from].lane != LANE_NONE) {
		double middle = middle_of(top, shown->place[marks[from].lane]);

		for (to = from; to < row->count && marks[to].lane == marks[from].lane &&
		     mark_is_point(marks[to].kind) == mark_is_point(marks[from].kind); to++)
			if (marks[to].kind == MARK_LIFE)
				life_draw(panel, &marks[to], middle);
		if (mark_is_point(marks[from].kind))
			points_draw(panel, &marks[from], to - from, middle);
		else if (marks[from].kind != MARK_LIFE)
			spans_draw(panel, &marks[from], to - from, middle);
		from = to;
	}
}

/* Of a row that has nothing in the window. */
static void draw_absent(const struct panel *panel, const struct row *row, double top)
{
	char text[REMARK_TEXT];

	fprintf(panel->out, "<text class=\"lane on\" x=\"%d\" y=\"%.1f\">not at this time: ",
		PLOT_LEFT + 6, middle_of(top, 0) + 3.5);
	xml_print_short(panel->out,
			remark(text, panel->timeline, panel->facts, row, &panel->window), 120);
	fputs("</text>\n", panel->out);
}

static void draw_row(const struct panel *panel, const struct row *row, double top)
{
	struct lanes_shown shown = lanes_shown(panel, row);
	unsigned int lane;

	fputs("<g class=\"row\">\n", panel->out);
	line_draw(panel->out, "rule", PAGE_MARGIN, top, PLOT_RIGHT, top, NULL);
	draw_label(panel, row, top);
	for (lane = 0; lane < row->lanes; lane++)
		if (shown.place[lane] >= 0)
			draw_lane_label(panel, row, lane, middle_of(top, shown.place[lane]));
	draw_lanes(panel, row, &shown, top);
	if (!shown.count)
		draw_absent(panel, row, top);
	fputs("</g>\n", panel->out);
}

void rows_draw(const struct panel *panel)
{
	const struct row *rows = &panel->timeline->rows[panel->dmabuf->first];
	double top = panel->top;
	size_t i;

	for (i = 0; i < panel->rows; i++) {
		draw_row(panel, &rows[i], top);
		top += row_height(panel, &rows[i]);
	}
}
