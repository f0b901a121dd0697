// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/summary/latest.h"

static int order_of(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare(const void *one, const void *two)
{
	const struct latest_entry *a = one, *b = two;
	int ret = order_of(a->buffer, b->buffer);

	ret = ret ? ret : order_of(a->attach, b->attach);
	ret = ret ? ret : order_of(a->mark->begin_ns, b->mark->begin_ns);
	return ret ? ret : order_of((uintptr_t)a->mark, (uintptr_t)b->mark);
}

static uint64_t importer_of(const struct timeline *timeline, const struct mark *mark)
{
	return mark->kind == MARK_FENCE ? mark->event->attach :
	       timeline->rows[mark->row].number;
}

/* A fence that had signalled before it was added is none that anybody waits for. */
static bool is_of(const struct mark *mark, enum mark_kind kind)
{
	return mark->kind == kind && !mark->event->signalled;
}

static void find_last(struct latest *latest)
{
	size_t i;

	for (i = 0; i < latest->count; i++) {
		struct latest_entry *entry = &latest->entries[i];
		const struct latest_entry *before = i ? entry - 1 : NULL;

		entry->last = entry->mark;
		if (before && before->buffer == entry->buffer &&
		    before->attach == entry->attach &&
		    before->last->end_ns > entry->mark->end_ns)
			entry->last = before->last;
	}
}

int latest_of(struct latest *latest, const struct timeline *timeline, enum mark_kind kind)
{
	size_t i;

	for (i = 0; i < timeline->mark_count; i++)
		latest->count += is_of(&timeline->marks[i], kind);
	latest->entries = calloc(latest->count + 1, sizeof(*latest->entries));
	if (!latest->entries)
		return -ENOMEM;
	latest->count = 0;
	for (i = 0; i < timeline->mark_count; i++) {
		const struct mark *mark = &timeline->marks[i];

		if (is_of(mark, kind))
			latest->entries[latest->count++] = (struct latest_entry){
				.buffer = timeline->rows[mark->row].buffer,
				.attach = importer_of(timeline, mark),
				.mark = mark,
			};
	}
	qsort(latest->entries, latest->count, sizeof(*latest->entries), compare);
	find_last(latest);
	return 0;
}

void latest_free(struct latest *latest)
{
	free(latest->entries);
	*latest = (struct latest){ 0 };
}

/* Whether it is of an earlier importer, or of this one and began by then. */
static bool is_before(const struct latest_entry *entry, const struct row *row,
		      uint64_t until_ns)
{
	if (entry->buffer != row->buffer)
		return entry->buffer < row->buffer;
	if (entry->attach != row->number)
		return entry->attach < row->number;
	return entry->mark->begin_ns <= until_ns;
}

const struct mark *latest_find(const struct latest *latest, const struct row *row,
			       uint64_t until_ns)
{
	size_t low = 0, high = latest->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_before(&latest->entries[middle], row, until_ns))
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || latest->entries[low - 1].buffer != row->buffer ||
	    latest->entries[low - 1].attach != row->number)
		return NULL;
	return latest->entries[low - 1].last;
}
