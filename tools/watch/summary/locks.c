// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/summary/locks.h"

static uint64_t length(const struct mark *mark)
{
	return mark->end_ns - mark->begin_ns;
}

/* The longest first; then as they are in the timeline. */
static int compare(const void *one, const void *two)
{
	const struct locked_wait *a = one, *b = two;

	if (length(a->wait) != length(b->wait))
		return length(a->wait) > length(b->wait) ? -1 : 1;
	return a->wait < b->wait ? -1 : a->wait > b->wait;
}

static const struct row *lock_of(const struct timeline *timeline, const struct mark *wait)
{
	const struct row *row = &timeline->rows[wait->row];
	const struct row *end = timeline->rows + timeline->row_count;
	uint64_t buffer = row->buffer;

	/* An exporter's row comes just before that of the lock. */
	row++;
	return row < end && row->buffer == buffer && row->kind == ROW_LOCK ? row : NULL;
}

static bool lies_in(const struct mark *wait, const struct mark *hold)
{
	return hold->kind == MARK_HELD && hold->event->pid == wait->event->pid &&
	       hold->begin_ns <= wait->begin_ns && hold->end_ns >= wait->end_ns;
}

static bool overlap(const struct mark *a, const struct mark *b)
{
	return a->begin_ns <= b->end_ns && b->begin_ns <= a->end_ns;
}

static void look_at_lock(struct locked_wait *wait, const struct timeline *timeline)
{
	const struct row *lock = lock_of(timeline, wait->wait);
	const struct mark *mark = lock ? &timeline->marks[lock->first] : NULL;
	const struct mark *end = lock ? mark + lock->count : NULL;
	const struct mark *span;

	for (; mark < end && !wait->hold; mark++)
		if (lies_in(wait->wait, mark))
			wait->hold = mark;
	span = wait->hold ? wait->hold : wait->wait;
	for (mark = lock ? &timeline->marks[lock->first] : NULL; mark < end; mark++) {
		if (mark->kind != MARK_CONTENDED || !overlap(mark, span))
			continue;
		wait->others++;
		if (!wait->longest || length(mark) > length(wait->longest))
			wait->longest = mark;
	}
}

int find_locked_waits(struct facts *facts, const struct timeline *timeline)
{
	size_t i, count = 0;

	for (i = 0; i < timeline->mark_count; i++)
		count += timeline->marks[i].kind == MARK_WAIT &&
			 timeline->marks[i].event->locked;
	facts->waits = calloc(count + 1, sizeof(*facts->waits));
	if (!facts->waits)
		return -ENOMEM;
	for (i = 0; i < timeline->mark_count; i++)
		if (timeline->marks[i].kind == MARK_WAIT && timeline->marks[i].event->locked)
			facts->waits[facts->wait_count++].wait = &timeline->marks[i];
	qsort(facts->waits, count, sizeof(*facts->waits), compare);
	if (count > WAITS_MOST) {
		facts->waits_left_out = count - WAITS_MOST;
		facts->wait_count = WAITS_MOST;
	}
	for (i = 0; i < facts->wait_count; i++)
		look_at_lock(&facts->waits[i], timeline);
	return 0;
}
