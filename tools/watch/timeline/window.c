// SPDX-License-Identifier: GPL-2.0-only
#include "watch/timeline/window.h"

/* The marks of a buffer, one after the other: those of its rows lie side by side. */
struct range {
	const struct mark *first;
	const struct mark *end;
};

static struct range marks_of(const struct timeline *timeline, const struct dmabuf *dmabuf)
{
	const struct row *first = &timeline->rows[dmabuf->first];
	const struct row *last = first + dmabuf->count - 1;

	return (struct range){
		timeline->marks + first->first,
		timeline->marks + last->first + last->count,
	};
}

/* From the first invalidation to the end of the last. False: there was none. */
static bool find_invalidations(struct range range, struct window *window)
{
	const struct mark *mark;
	bool found = false;

	for (mark = range.first; mark < range.end; mark++) {
		if (mark->kind != MARK_INVALIDATE && mark->kind != MARK_TOLD)
			continue;
		if (!found || mark->begin_ns < window->from_ns)
			window->from_ns = mark->begin_ns;
		if (!found || mark->end_ns > window->to_ns)
			window->to_ns = mark->end_ns;
		found = true;
	}
	window->zero_ns = window->from_ns;
	return found;
}

/* What was under way meanwhile, until it ended; and who held the lock, from the beginning. */
static void add_spans(struct range range, struct window *window)
{
	uint64_t from_ns = window->from_ns, to_ns = window->to_ns;
	const struct mark *mark;

	for (mark = range.first; mark < range.end; mark++) {
		if (mark->kind < MARK_INVALIDATE || mark->begin_ns > to_ns ||
		    mark->end_ns < from_ns)
			continue;
		if (!mark->no_end && mark->end_ns > window->to_ns)
			window->to_ns = mark->end_ns;
		if (mark->kind == MARK_HELD && !mark->no_begin &&
		    mark->begin_ns < window->from_ns)
			window->from_ns = mark->begin_ns;
	}
}

/* What came of it soon: calls that were refused, a state, a detach. */
static void add_points(struct range range, struct window *window)
{
	uint64_t to_ns = window->to_ns, soon_ns = to_ns + (to_ns - window->zero_ns);
	const struct mark *mark;
	uint64_t at_ns;

	for (mark = range.first; mark < range.end; mark++) {
		if (mark->kind > MARK_STATE || (mark->kind == MARK_LIFE && mark->no_end))
			continue;
		at_ns = mark->kind == MARK_LIFE ? mark->end_ns : mark->begin_ns;
		if (at_ns > window->to_ns && at_ns <= soon_ns && soon_ns > to_ns)
			window->to_ns = at_ns;
	}
}

/* So that nothing touches the edge. */
static void add_margins(struct window *window, const struct timeline *timeline)
{
	uint64_t length_ns = window->to_ns - window->from_ns;
	uint64_t before_ns = window->from_ns - timeline->from_ns;
	uint64_t after_ns = timeline->to_ns - window->to_ns;

	window->from_ns -= length_ns / 16 < before_ns ? length_ns / 16 : before_ns;
	window->to_ns += length_ns / 32 < after_ns ? length_ns / 32 : after_ns;
}

struct window window_of(const struct timeline *timeline, const struct dmabuf *dmabuf,
			bool whole)
{
	struct range range = marks_of(timeline, dmabuf);
	struct window window = { 0 };

	window.invalidation = find_invalidations(range, &window);
	if (window.invalidation && !whole) {
		add_spans(range, &window);
		add_points(range, &window);
		add_margins(&window, timeline);
	} else if (dmabuf->number) {
		window.from_ns = dmabuf->from_ns;
		window.to_ns = dmabuf->to_ns;
	} else {
		window.from_ns = timeline->from_ns;
		window.to_ns = timeline->to_ns;
	}
	if (!window.invalidation)
		window.zero_ns = window.from_ns;
	if (window.to_ns <= window.from_ns && window.from_ns < UINT64_MAX)
		window.to_ns = window.from_ns + 1;
	return window;
}
