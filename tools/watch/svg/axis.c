// SPDX-License-Identifier: GPL-2.0-only
#include "watch/svg/axis.h"
#include "watch/svg/style.h"
#include "watch/timeline/words.h"

/* As many steps at most. */
#define STEPS	10

struct unit {
	const char *name;
	double ns;
};

static const struct unit units[] = {
	{ "s", 1e9 },
	{ "ms", 1e6 },
	{ "us", 1e3 },
	{ "ns", 1 },
};

static const struct unit *unit_of(double ns)
{
	const struct unit *unit = units;

	while (unit->ns > ns && unit->ns > 1)
		unit++;
	return unit;
}

/* 1, 2 or 5 times a power of ten. */
static double step_of(double length_ns)
{
	double step = 1;

	while (length_ns / step > STEPS) {
		if (length_ns / (2 * step) <= STEPS)
			return 2 * step;
		if (length_ns / (5 * step) <= STEPS)
			return 5 * step;
		step *= 10;
	}
	return step;
}

static double since_zero(const struct window *window, uint64_t time_ns)
{
	return time_ns >= window->zero_ns ? (double)(time_ns - window->zero_ns) :
	       -(double)(window->zero_ns - time_ns);
}

char *instant_text(char text[INSTANT_TEXT], const struct window *window, uint64_t time_ns)
{
	double ns = since_zero(window, time_ns);
	const struct unit *unit = unit_of(ns < 0 ? -ns : ns);

	snprintf(text, INSTANT_TEXT, "%+.*f %s", unit->ns > 1 ? 3 : 0, ns / unit->ns,
		 unit->name);
	return text;
}

static void draw_tick(const struct panel *panel, double ns, double step_ns)
{
	const struct unit *unit = unit_of(step_ns);
	double from = since_zero(&panel->window, panel->window.from_ns);
	double to = since_zero(&panel->window, panel->window.to_ns);
	double x = PLOT_LEFT + (ns - from) / (to - from) * (PLOT_RIGHT - PLOT_LEFT);
	/* Not beyond the page. */
	const char *anchor = x > PLOT_RIGHT - 40 ? "end" : "middle";

	line_draw(panel->out, ns == 0 && panel->window.invalidation ? "zero" : "grid",
		  x, panel->top - 4, x, panel->bottom, NULL);
	fprintf(panel->out, "<text class=\"tick\" x=\"%.2f\" y=\"%.1f\" text-anchor=\"%s\">", x,
		panel->top - 8, anchor);
	if (ns == 0)
		fputs("0</text>\n", panel->out);
	else
		fprintf(panel->out, "%.10g %s</text>\n", ns / unit->ns, unit->name);
}

void axis_draw(const struct panel *panel)
{
	double from = since_zero(&panel->window, panel->window.from_ns);
	double to = since_zero(&panel->window, panel->window.to_ns);
	double step = step_of(to - from);
	/* Zero lies between the two, or is @from: these are few. */
	int i = (int)(from / step), last = (int)(to / step);

	for (; i <= last; i++)
		draw_tick(panel, i * step, step);
}

/* Those near to each other are one line. */
void losses_draw(const struct panel *panel)
{
	const struct timeline *timeline = panel->timeline;
	const struct row *row = timeline->rows;
	char text[MARK_TEXT];
	double x, last = 0;
	size_t i;

	if (!timeline->lost_times)
		return;
	for (i = row->first; i < row->first + row->count; i++) {
		const struct mark *mark = &timeline->marks[i];

		if (mark->begin_ns < panel->window.from_ns ||
		    mark->begin_ns > panel->window.to_ns)
			continue;
		x = x_of(panel, mark->begin_ns);
		if (x < last + 3)
			continue;
		last = x;
		line_draw(panel->out, "lost", x, panel->top, x, panel->bottom,
			  mark_text(text, mark));
	}
}
