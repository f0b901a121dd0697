// SPDX-License-Identifier: GPL-2.0-only
#include "watch/view/remarks.h"
#include "watch/view/strokes.h"

enum place { PLACE_ALL, PLACE_BEGIN, PLACE_END };

struct stroke {
	enum mark_kind kind;
	enum place place;
	char sign;		/* 0 ends an array */
};

/* Later ones are drawn over earlier ones. */
static const struct stroke exporter[] = {
	{ MARK_LIFE, PLACE_ALL, '-' },
	{ MARK_INVALIDATE, PLACE_ALL, '=' },
	{ MARK_WAIT, PLACE_ALL, 'w' },
	{ MARK_REFUSED, PLACE_ALL, 'X' },
	{ MARK_DMA_FAULT, PLACE_ALL, 'F' },
	{ 0 },
};

static const struct stroke lock[] = {
	{ MARK_HELD, PLACE_ALL, '=' },
	{ MARK_CONTENDED, PLACE_ALL, '!' },
	{ 0 },
};

/* Its fences come between these two. */
static const struct stroke importer[] = {
	{ MARK_LIFE, PLACE_ALL, '-' },
	{ MARK_MAPPED, PLACE_ALL, '=' },
	{ MARK_JOB, PLACE_ALL, '#' },
	{ 0 },
};

static const struct stroke importer_above[] = {
	{ MARK_REFUSED, PLACE_ALL, 'X' },
	{ MARK_DMA_FAULT, PLACE_ALL, 'F' },
	{ MARK_TOLD, PLACE_BEGIN, 'I' },
	{ MARK_LIFE, PLACE_END, 'D' },
	{ MARK_MAPPED, PLACE_END, 'U' },
	{ 0 },
};

static const struct stroke fences[] = {
	{ MARK_FENCE, PLACE_ALL, '#' },
	{ 0 },
};

static const struct stroke cpu[] = {
	{ MARK_VMAPPED, PLACE_ALL, '=' },
	{ MARK_ACCESS, PLACE_ALL, '=' },
	{ MARK_MMAP, PLACE_ALL, 'm' },
	{ MARK_FAULT, PLACE_ALL, 'f' },
	{ MARK_ZAP, PLACE_ALL, 'Z' },
	{ MARK_REFUSED, PLACE_ALL, 'X' },
	{ MARK_SIGBUS, PLACE_ALL, 'S' },
	{ 0 },
};

static const struct stroke device[] = {
	{ MARK_DMA_FAULT, PLACE_ALL, 'F' },
	{ MARK_LOST, PLACE_ALL, '?' },
	{ 0 },
};

/* In the order of enum row_kind. */
static const struct stroke *const strokes[] = {
	device, exporter, lock, importer, fences, cpu, device,
};

/* What only touches the window is not in it. */
static void draw(struct bar *bar, const struct scale *scale, const struct window *window,
		 const struct mark *mark, const struct stroke *stroke)
{
	uint64_t at_ns = stroke->place == PLACE_BEGIN ? mark->begin_ns : mark->end_ns;
	bool seen = stroke->place == PLACE_BEGIN ? !mark->no_begin : !mark->no_end && !mark->cut;

	if (stroke->place == PLACE_ALL) {
		bar_fill(bar, scale, mark->begin_ns, mark->end_ns,
			 mark->kind == MARK_WAIT && mark->event->locked ? 'W' :
			 stroke->sign);
	} else if (seen && at_ns >= window->from_ns && at_ns <= window->to_ns) {
		bar_mark(bar, scale, at_ns, stroke->sign);
	}
}

static void draw_all(struct bar *bar, const struct timeline *timeline,
		     const struct row *row, const struct window *window,
		     const struct scale *scale, const struct stroke *strokes_of_row)
{
	const struct stroke *stroke;
	size_t i;

	for (stroke = strokes_of_row; stroke->sign; stroke++)
		for (i = row->first; i < row->first + row->count; i++)
			if (timeline->marks[i].kind == stroke->kind &&
			    is_visible(&timeline->marks[i], window))
				draw(bar, scale, window, &timeline->marks[i], stroke);
}

static void draw_fences(struct bar *bar, const struct timeline *timeline,
			const struct row *importer_row, const struct window *window,
			const struct scale *scale)
{
	const struct row *row = importer_row, *end = timeline->rows + timeline->row_count;
	size_t i;

	for (; row < end && row->buffer == importer_row->buffer; row++)
		for (i = row->first; row->kind == ROW_FENCES && i < row->first + row->count; i++)
			if (timeline->marks[i].event->attach == importer_row->number &&
			    is_visible(&timeline->marks[i], window))
				draw(bar, scale, window, &timeline->marks[i], fences);
}

struct bar strokes_of(const struct timeline *timeline, const struct row *row,
		      const struct window *window, const struct scale *scale)
{
	struct bar bar;

	bar_clear(&bar);
	draw_all(&bar, timeline, row, window, scale, strokes[row->kind]);
	if (row->kind == ROW_IMPORTER) {
		if (row->number)
			draw_fences(&bar, timeline, row, window, scale);
		draw_all(&bar, timeline, row, window, scale, importer_above);
	}
	return bar;
}
