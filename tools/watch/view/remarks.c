// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/text/message.h"
#include "lib/text/units.h"
#include "watch/lines.h"
#include "watch/timeline/words.h"
#include "watch/view/remarks.h"

struct span_of_kind {
	const struct mark *longest;
	uint64_t count;
};

__attribute__((format(printf, 2, 3)))
static void say(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	if (used && used < REMARK_TEXT - 2) {
		strcat(text, "; ");
		used += 2;
	}
	va_start(args, format);
	vsnprintf(text + used, REMARK_TEXT - used, format, args);
	va_end(args);
}

static struct span_of_kind look_for(const struct timeline *timeline, const struct row *row,
				    enum mark_kind kind, const struct window *window)
{
	struct span_of_kind found = { NULL, 0 };
	size_t i;

	for (i = row->first; i < row->first + row->count; i++) {
		const struct mark *mark = &timeline->marks[i];

		if (mark->kind != kind || !is_visible(mark, window))
			continue;
		found.count++;
		if (!found.longest || mark->end_ns - mark->begin_ns >
		    found.longest->end_ns - found.longest->begin_ns)
			found.longest = mark;
	}
	return found;
}

static void say_longest(char *text, const char *what, struct span_of_kind span)
{
	char time[UNITS_TEXT], thread[LABEL_TEXT], times[40] = "";

	if (!span.count)
		return;
	if (span.count > 1)
		snprintf(times, sizeof(times), ", the longest of %" PRIu64, span.count);
	event_thread(thread, span.longest->event);
	say(text, "%s %s%s%s%s", what,
	    format_duration(time, span.longest->end_ns - span.longest->begin_ns),
	    *thread ? " by " : "", thread, times);
}

static void say_count(char *text, const char *what, uint64_t count)
{
	if (count == 1)
		say(text, "%s", what);
	else if (count)
		say(text, "%s (%" PRIu64 " times)", what, count);
}

static void say_refused(char *text, const struct facts *facts, const struct row *row)
{
	char what[64];
	size_t i;

	for (i = 0; i < facts->refusal_count; i++) {
		const struct refusal *refusal = &facts->refusals[i];

		if (refusal->row != row)
			continue;
		snprintf(what, sizeof(what), "%s: %s", watch_word(refusal->first->what),
			 errno_name(refusal->first->result));
		say_count(text, what, refusal->times);
	}
}

static void say_points(char *text, const struct timeline *timeline, const struct row *row,
		       const struct window *window)
{
	static const enum mark_kind kinds[] = {
		MARK_DMA_FAULT, MARK_ZAP, MARK_SIGBUS, MARK_FAULT, MARK_MMAP, MARK_LIFE,
	};
	const enum mark_kind *kind;

	for (kind = kinds; *kind != MARK_LIFE; kind++)
		say_count(text, mark_word(*kind),
			  look_for(timeline, row, *kind, window).count);
}

static void say_state(char *text, const struct timeline *timeline, const struct row *row,
		      const struct window *window)
{
	const struct mark *last = NULL;
	char words[MARK_TEXT];
	size_t i;

	for (i = row->first; i < row->first + row->count; i++)
		if (timeline->marks[i].kind == MARK_STATE &&
		    is_visible(&timeline->marks[i], window))
			last = &timeline->marks[i];
	if (!last)
		return;
	mark_text(words, last);
	words[strcspn(words, ";")] = '\0';
	say(text, "%s", words);
}

static void say_owner(char *text, const struct row *row)
{
	if (row->owner)
		say(text, "of importer %" PRIu64 "%s", row->owner, row->guessed ? "?" : "");
	else
		say(text, "of whom is not known");
}

char *remark(char text[REMARK_TEXT], const struct timeline *timeline,
	     const struct facts *facts, const struct row *row,
	     const struct window *window)
{
	*text = '\0';
	if (row->kind == ROW_IMPORTER)
		say(text, "%s", row->number ? importer_kind(row) : "not attached");
	if (row->kind == ROW_FENCES)
		say_owner(text, row);
	say_longest(text, "told all in",
		    look_for(timeline, row, MARK_INVALIDATE, window));
	say_longest(text, "waited", look_for(timeline, row, MARK_WAIT, window));
	say_longest(text, "held", look_for(timeline, row, MARK_HELD, window));
	say_longest(text, "waited for",
		    look_for(timeline, row, MARK_CONTENDED, window));
	say_longest(text, "access", look_for(timeline, row, MARK_ACCESS, window));
	say_state(text, timeline, row, window);
	say_points(text, timeline, row, window);
	say_refused(text, facts, row);
	return text;
}
