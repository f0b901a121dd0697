// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "lib/encoding/utf8.h"
#include "lib/encoding/xml.h"
#include "lib/text/units.h"
#include "watch/timeline/words.h"
#include "watch/view/remarks.h"
#include "watch/svg/axis.h"
#include "watch/svg/spans.h"
#include "watch/svg/style.h"

/* Narrower ones would not be seen. */
#define NARROWEST	1.5

/* One or several marks as one rectangle. */
struct span {
	const struct mark *mark;	/* the first one */
	double left;
	double right;
	uint64_t more;			/* too short to be seen beside it */
};

static const char *class_of(const struct mark *mark)
{
	static const char *const classes[MARK_KINDS] = {
		[MARK_STATE] = "state", [MARK_INVALIDATE] = "invalidate",
		[MARK_WAIT] = "wait", [MARK_HELD] = "held", [MARK_CONTENDED] = "contended",
		[MARK_PINNED] = "pinned", [MARK_MAPPED] = "mapped", [MARK_JOB] = "job",
		[MARK_TOLD] = "told", [MARK_FENCE] = "fence", [MARK_ACCESS] = "access",
		[MARK_VMAPPED] = "vmapped",
	};

	return mark->kind == MARK_WAIT && mark->event->locked ? "locked" : classes[mark->kind];
}

#define TITLE_TEXT	(MARK_TEXT + 160)

/* What it is and when it was. */
static void title_of(char text[TITLE_TEXT], const struct panel *panel, const struct mark *mark)
{
	char from[INSTANT_TEXT], to[INSTANT_TEXT], took[UNITS_TEXT];
	size_t used;

	mark_text(text, mark);
	used = strlen(text);
	snprintf(text + used, TITLE_TEXT - used, "\n%s%s … %s%s, %s%s",
		 mark->no_begin ? "≤ " : "", instant_text(from, &panel->window, mark->begin_ns),
		 mark->no_end ? "≥ " : "", instant_text(to, &panel->window, mark->end_ns),
		 mark->no_begin || mark->no_end ? "at least " : "",
		 format_duration(took, mark->end_ns - mark->begin_ns));
}

static void print_title(const struct panel *panel, const struct span *span)
{
	char text[TITLE_TEXT];

	title_of(text, panel, span->mark);
	fputs("<title>", panel->out);
	xml_print(panel->out, text);
	if (span->more)
		fprintf(panel->out, "\nand %" PRIu64 " more, too short to be drawn",
			span->more);
	fputs("</title>", panel->out);
}

/* What is written in or beside it, if there is room; "" if nothing is to be. */
static void caption_of(char text[MARK_TEXT], const struct mark *mark)
{
	char words[LABEL_TEXT];

	*text = '\0';
	if (mark->kind == MARK_STATE)
		utf8_clean(text, MARK_TEXT, mark->event->name);
	else if (mark->kind == MARK_FENCE)
		snprintf(text, MARK_TEXT, "%" PRIu64 ":%" PRIu64, mark->event->context,
			 mark->event->seqno);
	else if (!mark->no_begin && !mark->no_end)
		format_duration(text, mark->end_ns - mark->begin_ns);
	if (*text && (mark->kind == MARK_WAIT || mark->kind == MARK_HELD ||
		      mark->kind == MARK_CONTENDED) && *event_thread(words, mark->event))
		snprintf(text + strlen(text), LABEL_TEXT, ", %.200s", words);
}

static double text_width(const char *text)
{
	unsigned int count = 0;

	while (utf8_next(&text))
		count++;
	return count * CHAR_WIDTH;
}

/* Whether there is room for it; then *@left is where it begins. */
static bool place_caption(const struct span *span, const char *text, double limit,
			  double *left)
{
	double width = text_width(text);
	bool inside = width + 6 <= span->right - span->left;

	*left = inside ? span->left + 3 : span->right + 3;
	return inside || *left + width + 3 <= limit;
}

static void draw_caption(const struct panel *panel, const struct span *span, double limit,
			 double middle)
{
	char text[MARK_TEXT];
	double left;

	caption_of(text, span->mark);
	/* Without who it was, if it does not fit with that. */
	if (!place_caption(span, text, limit, &left)) {
		text[strcspn(text, ",")] = '\0';
		if (!place_caption(span, text, limit, &left))
			return;
	}
	if (!*text || span->more)
		return;
	fprintf(panel->out, "<text class=\"%s\" x=\"%.2f\" y=\"%.1f\">",
		left < span->right ? "in" : "beside", left, middle + 3.5);
	xml_print(panel->out, text);
	fputs("</text>\n", panel->out);
}

/* @limit: where the next one begins. */
static void draw(const struct panel *panel, const struct span *span, double limit,
		 double middle)
{
	const struct mark *mark = span->mark;

	fprintf(panel->out,
		"<rect class=\"span %s%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\">",
		class_of(mark), mark->no_begin || mark->no_end || mark->cut ? " open" : "",
		span->left, middle - SPAN_HEIGHT / 2.0, span->right - span->left, SPAN_HEIGHT);
	print_title(panel, span);
	fputs("</rect>\n", panel->out);
	draw_caption(panel, span, limit, middle);
}

static struct span span_of(const struct panel *panel, const struct mark *mark)
{
	struct span span = { mark, x_of(panel, mark->begin_ns), x_of(panel, mark->end_ns), 0 };

	if (span.right - span.left < NARROWEST)
		span.right = span.left + NARROWEST;
	if (span.right > PLOT_RIGHT) {
		span.left -= span.right - PLOT_RIGHT;
		span.right = PLOT_RIGHT;
	}
	return span;
}

void spans_draw(const struct panel *panel, const struct mark *marks, size_t count,
		double middle)
{
	struct span last = { 0 }, span;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!is_visible(&marks[i], &panel->window))
			continue;
		span = span_of(panel, &marks[i]);
		if (last.mark && span.left < last.right)
			span.left = last.right;
		if (last.mark && span.right - span.left < NARROWEST) {
			last.more++;
			continue;
		}
		if (last.mark)
			draw(panel, &last, span.left, middle);
		last = span;
	}
	if (last.mark)
		draw(panel, &last, PLOT_RIGHT, middle);
}

void life_draw(const struct panel *panel, const struct mark *mark, double middle)
{
	char text[TITLE_TEXT];

	if (!is_visible(mark, &panel->window))
		return;
	title_of(text, panel, mark);
	line_draw(panel->out, "life", x_of(panel, mark->begin_ns), middle,
		  x_of(panel, mark->end_ns), middle, text);
}
