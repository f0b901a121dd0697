// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/timeline/order.h"

static int order_of(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_rows(const void *one, const void *two)
{
	const struct row *a = *(const struct row *const *)one;
	const struct row *b = *(const struct row *const *)two;
	/* What is of no buffer comes last, but for the recording, which comes first. */
	int ret = order_of(a->kind != ROW_RECORDING, b->kind != ROW_RECORDING);

	ret = ret ? ret : order_of(a->buffer - 1, b->buffer - 1);
	ret = ret ? ret : order_of(a->kind, b->kind);
	return ret ? ret : order_of(a->number, b->number);
}

/* In the order they were added, where all else is alike: of pointers into one array. */
static int compare_marks(const void *one, const void *two)
{
	const struct mark *a = *(const struct mark *const *)one;
	const struct mark *b = *(const struct mark *const *)two;
	int ret = order_of(a->row, b->row);

	ret = ret ? ret : order_of(a->lane, b->lane);
	ret = ret ? ret : order_of(mark_is_point(a->kind) ? MARK_REFUSED : a->kind,
				   mark_is_point(b->kind) ? MARK_REFUSED : b->kind);
	ret = ret ? ret : order_of(a->begin_ns, b->begin_ns);
	return ret ? ret : order_of((uintptr_t)a, (uintptr_t)b);
}

static int sort_rows(struct timeline *timeline)
{
	size_t count = timeline->row_count, i;
	struct row **order = calloc(count + 1, sizeof(*order));
	struct row *rows = calloc(count + 1, sizeof(*rows));
	uint32_t *places = calloc(count + 1, sizeof(*places));
	int ret = order && rows && places ? 0 : -ENOMEM;

	for (i = 0; !ret && i < count; i++)
		order[i] = &timeline->rows[i];
	if (!ret)
		qsort(order, count, sizeof(*order), compare_rows);
	for (i = 0; !ret && i < count; i++) {
		rows[i] = *order[i];
		places[order[i] - timeline->rows] = (uint32_t)i;
	}
	for (i = 0; !ret && i < timeline->mark_count; i++)
		timeline->marks[i].row = places[timeline->marks[i].row];
	free(order);
	free(places);
	free(ret ? rows : timeline->rows);
	if (!ret)
		timeline->rows = rows;
	return ret;
}

static int sort_marks(struct timeline *timeline)
{
	size_t count = timeline->mark_count, i;
	struct mark **order = calloc(count + 1, sizeof(*order));
	struct mark *marks = calloc(count + 1, sizeof(*marks));
	int ret = order && marks ? 0 : -ENOMEM;

	for (i = 0; !ret && i < count; i++)
		order[i] = &timeline->marks[i];
	if (!ret)
		qsort(order, count, sizeof(*order), compare_marks);
	for (i = 0; !ret && i < count; i++)
		marks[i] = *order[i];
	free(order);
	free(ret ? marks : timeline->marks);
	if (!ret)
		timeline->marks = marks;
	return ret;
}

static void find_marks_of_rows(struct timeline *timeline)
{
	size_t i;

	for (i = timeline->mark_count; i--; ) {
		struct row *row = &timeline->rows[timeline->marks[i].row];

		row->first = i;
		row->count++;
	}
}

/* The lanes that the marks of one kind lie on: no two overlap on one. */
struct lanes {
	unsigned int first;
	unsigned int count;
	unsigned int most;
	uint64_t free_from_ns[LANES_OF_KIND];
};

static uint16_t place(struct lanes *lanes, const struct mark *mark)
{
	unsigned int i;

	/* Two of no length at one time would lie on each other. */
	for (i = 0; i < lanes->count; i++)
		if (lanes->free_from_ns[i] <= mark->begin_ns &&
		    (lanes->free_from_ns[i] < mark->begin_ns || mark->end_ns > mark->begin_ns))
			break;
	if (i == lanes->most)
		return LANE_NONE;
	if (i == lanes->count)
		lanes->count++;
	lanes->free_from_ns[i] = mark->end_ns;
	return (uint16_t)(lanes->first + i);
}

/* The marks of one kind, from @i on; those of no length are one kind. */
static size_t place_kind(struct timeline *timeline, struct row *row, size_t i)
{
	enum mark_kind kind = timeline->marks[i].kind;
	bool point = mark_is_point(kind);
	bool first = kind == MARK_LIFE || point;
	struct lanes lanes = { .first = first ? 0 : row->lanes,
			       .most = kind == MARK_LIFE ? 1 : LANES_OF_KIND };
	unsigned int lane;

	for (; i < row->first + row->count; i++) {
		struct mark *mark = &timeline->marks[i];

		if (point ? !mark_is_point(mark->kind) : mark->kind != kind)
			break;
		mark->lane = point ? 0 : place(&lanes, mark);
		row->crowded += mark->lane == LANE_NONE;
	}
	if (point)
		lanes.count = 1;
	for (lane = lanes.first; lane < lanes.first + lanes.count; lane++)
		row->lane_kind[lane] = first ? MARK_LIFE : kind;
	if (row->lanes < lanes.first + lanes.count)
		row->lanes = lanes.first + lanes.count;
	return i;
}

static void place_marks(struct timeline *timeline)
{
	size_t i, mark;

	for (i = 0; i < timeline->row_count; i++) {
		struct row *row = &timeline->rows[i];

		for (mark = row->first; mark < row->first + row->count; )
			mark = place_kind(timeline, row, mark);
	}
}

static void reach(struct dmabuf *dmabuf, uint64_t from_ns, uint64_t to_ns)
{
	if (from_ns < dmabuf->from_ns)
		dmabuf->from_ns = from_ns;
	if (to_ns > dmabuf->to_ns)
		dmabuf->to_ns = to_ns;
}

static void measure(struct timeline *timeline, struct dmabuf *dmabuf)
{
	size_t i, mark;

	for (i = dmabuf->first; i < dmabuf->first + dmabuf->count; i++) {
		const struct row *row = &timeline->rows[i];

		if (row->kind == ROW_EXPORTER)
			dmabuf->began = row->began;
		for (mark = row->first; mark < row->first + row->count; mark++) {
			const struct mark *one = &timeline->marks[mark];

			reach(dmabuf, one->begin_ns, one->end_ns);
			dmabuf->invalidations += one->kind == MARK_INVALIDATE;
		}
	}
}

static int find_buffers(struct timeline *timeline)
{
	struct dmabuf *dmabuf = NULL;
	size_t i;

	timeline->dmabufs = calloc(timeline->row_count + 1, sizeof(*dmabuf));
	if (!timeline->dmabufs)
		return -ENOMEM;
	for (i = timeline->lost_times > 0; i < timeline->row_count; i++) {
		if (!dmabuf || dmabuf->number != timeline->rows[i].buffer) {
			dmabuf = &timeline->dmabufs[timeline->dmabuf_count++];
			dmabuf->number = timeline->rows[i].buffer;
			dmabuf->first = i;
			dmabuf->from_ns = UINT64_MAX;
		}
		dmabuf->count++;
	}
	for (i = 0; i < timeline->dmabuf_count; i++)
		measure(timeline, &timeline->dmabufs[i]);
	return 0;
}

/* Marks are sorted by kind first, which gives them lanes, and then by lane. */
int timeline_order(struct timeline *timeline)
{
	int ret = sort_rows(timeline);

	if (!ret)
		ret = sort_marks(timeline);
	if (ret)
		return ret;
	find_marks_of_rows(timeline);
	place_marks(timeline);
	ret = sort_marks(timeline);
	return ret ? ret : find_buffers(timeline);
}
