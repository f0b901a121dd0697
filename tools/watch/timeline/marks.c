// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/timeline/marks.h"

#define FIRST_ROOM	((size_t)64)

static struct key_value *look(struct builder *builder, struct keys *keys, struct key key)
{
	struct key_value *value = builder->error ? NULL : keys_at(keys, key);

	if (!value)
		builder->error = -ENOMEM;
	return value;
}

/* One more element. NULL: out of memory. */
static void *grow(struct builder *builder, void *array, size_t count, size_t *room,
		  size_t size)
{
	void *larger;

	if (builder->error)
		return NULL;
	if (count < *room)
		return array;
	larger = reallocarray(array, *room ? 2 * *room : FIRST_ROOM, size);
	if (!larger) {
		builder->error = -ENOMEM;
		return NULL;
	}
	*room = *room ? 2 * *room : FIRST_ROOM;
	return larger;
}

static uint32_t add_row(struct builder *builder, struct row row)
{
	struct timeline *timeline = builder->timeline;
	struct row *rows = grow(builder, timeline->rows, timeline->row_count,
				&timeline->row_room, sizeof(*rows));

	if (!rows)
		return 0;
	timeline->rows = rows;
	rows[timeline->row_count] = row;
	return (uint32_t)timeline->row_count++;
}

uint32_t builder_row(struct builder *builder, enum row_kind kind, uint64_t buffer,
		     uint64_t number)
{
	const struct key key = { { kind, buffer, number } };
	struct key_value *value = look(builder, &builder->rows, key);

	if (!value)
		return 0;
	if (value->first == KEYS_NONE)
		value->first = add_row(builder, (struct row){
			.kind = kind, .buffer = buffer, .number = number,
		});
	return value->first;
}

static uint64_t beginning(const struct watch_event *event)
{
	return event->begin_ns && event->begin_ns <= event->time_ns ? event->begin_ns :
								     event->time_ns;
}

static uint32_t add_mark(struct builder *builder, struct mark mark)
{
	struct timeline *timeline = builder->timeline;
	struct mark *marks = grow(builder, timeline->marks, timeline->mark_count,
				  &timeline->mark_room, sizeof(*marks));

	if (!marks)
		return 0;
	timeline->marks = marks;
	marks[timeline->mark_count] = mark;
	if (mark.kind == MARK_LIFE)
		timeline->rows[mark.row].has_life = true;
	return (uint32_t)timeline->mark_count++;
}

uint32_t builder_mark(struct builder *builder, uint32_t row, enum mark_kind kind,
		      const struct watch_event *event)
{
	bool point = mark_is_point(kind);

	return add_mark(builder, (struct mark){
		.kind = kind, .row = row, .next = KEYS_NONE, .event = event,
		.begin_ns = point ? event->time_ns : beginning(event),
		.end_ns = event->time_ns,
		.no_begin = !point && (!event->begin_ns || event->begin_ns > event->time_ns),
		.no_end = event->unfinished,
	});
}

static struct key open_key(uint32_t row, enum mark_kind kind, struct match match)
{
	/* A fence is one, on however many buffers. */
	uint64_t where = kind == MARK_FENCE ? UINT32_MAX : row;

	return (struct key){ { where << 32 | kind, match.one, match.two } };
}

/* No fence is on a buffer twice; adding it again changes its usage only. */
static bool is_again(const struct builder *builder, uint32_t last, uint32_t row)
{
	return last != KEYS_NONE && builder->timeline->marks[last].kind == MARK_FENCE &&
	       builder->timeline->marks[last].row == row;
}

void builder_open(struct builder *builder, uint32_t row, enum mark_kind kind,
		  struct match match, const struct watch_event *event)
{
	struct key_value *chain = look(builder, &builder->open, open_key(row, kind, match));
	uint32_t index;

	if (!chain || is_again(builder, chain->last, row))
		return;
	index = add_mark(builder, (struct mark){
		.kind = kind, .row = row, .next = KEYS_NONE, .event = event,
		.begin_ns = event->time_ns, .end_ns = builder->timeline->to_ns, .no_end = 1,
	});
	if (builder->error)
		return;
	if (chain->last == KEYS_NONE)
		chain->first = index;
	else
		builder->timeline->marks[chain->last].next = index;
	chain->last = index;
}

static void end_first(struct builder *builder, struct key_value *chain,
		      const struct watch_event *event, bool cut)
{
	struct mark *mark = &builder->timeline->marks[chain->first];

	mark->end_ns = event->time_ns;
	mark->no_end = 0;
	mark->cut = cut;
	mark->ended = event;
	chain->first = mark->next;
	if (chain->first == KEYS_NONE)
		chain->last = KEYS_NONE;
}

void builder_close(struct builder *builder, uint32_t row, enum mark_kind kind,
		   struct match match, const struct watch_event *event)
{
	struct key_value *chain = look(builder, &builder->open, open_key(row, kind, match));

	if (!chain)
		return;
	if (chain->first != KEYS_NONE) {
		end_first(builder, chain, event, false);
		return;
	}
	add_mark(builder, (struct mark){
		.kind = kind, .row = row, .next = KEYS_NONE, .event = event, .ended = event,
		.begin_ns = builder->timeline->from_ns, .end_ns = event->time_ns,
		.no_begin = 1,
	});
}

void builder_cut(struct builder *builder, uint32_t row, enum mark_kind kind,
		 struct match match, const struct watch_event *event)
{
	struct key_value *chain = look(builder, &builder->open, open_key(row, kind, match));

	/* That a state gives way to the next one is its end. */
	while (chain && chain->first != KEYS_NONE)
		end_first(builder, chain, event, kind != MARK_STATE);
}

bool builder_signal(struct builder *builder, const struct watch_event *event)
{
	const struct match match = { event->context, event->seqno };
	struct key_value *chain = look(builder, &builder->open,
				       open_key(0, MARK_FENCE, match));
	bool known = chain && chain->first != KEYS_NONE;

	while (chain && chain->first != KEYS_NONE)
		end_first(builder, chain, event, false);
	return known;
}
