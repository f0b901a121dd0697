// SPDX-License-Identifier: GPL-2.0-only
/* What each event means. */
#include <errno.h>
#include <stdlib.h>

#include "lib/encoding/utf8.h"
#include "watch/timeline/marks.h"
#include "watch/timeline/order.h"

static const struct match any;

static void name_row(struct builder *builder, uint32_t row, const char *name)
{
	struct row *rows = builder->timeline->rows;

	if (!builder->error && *name)
		utf8_clean(rows[row].name, sizeof(rows[row].name), name);
}

static uint32_t exporter(struct builder *builder, const struct watch_event *event)
{
	return builder_row(builder, ROW_EXPORTER, event->buffer, 0);
}

static uint32_t importer(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = builder_row(builder, ROW_IMPORTER, event->buffer, event->attach);

	/* Several are refused in one row. */
	if (event->attach)
		name_row(builder, row, event->device);
	return row;
}

static uint32_t cpu(struct builder *builder, const struct watch_event *event)
{
	return builder_row(builder, ROW_CPU, event->buffer, 0);
}

static struct key_value *device_at(struct builder *builder, const char *device)
{
	const struct key key = { { keys_hash(device), 0, 0 } };
	struct key_value *value = builder->error ? NULL : keys_at(&builder->devices, key);

	if (!value)
		builder->error = -ENOMEM;
	return value;
}

static void begin_buffer(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = exporter(builder, event);

	name_row(builder, row, event->name);
	builder_open(builder, row, MARK_LIFE, any, event);
	if (builder->error)
		return;
	builder->timeline->rows[row].began = event;
	if (event->what == WATCH_THERE)
		builder->timeline->marks[builder->timeline->mark_count - 1].no_begin = 1;
}

static void end_buffer(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = exporter(builder, event);

	builder_cut(builder, row, MARK_STATE, any, event);
	builder_close(builder, row, MARK_LIFE, any, event);
}

static void attach(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = importer(builder, event);
	struct key_value *device;

	if (event->result < 0) {
		builder_mark(builder, row, MARK_REFUSED, event);
		return;
	}
	builder_open(builder, row, MARK_LIFE, any, event);
	device = *event->device ? device_at(builder, event->device) : NULL;
	if (device)
		device->first = row;
	if (!builder->error)
		builder->timeline->rows[row].began = event;
}

static void detach(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = importer(builder, event);

	builder_cut(builder, row, MARK_MAPPED, any, event);
	builder_cut(builder, row, MARK_PINNED, any, event);
	builder_close(builder, row, MARK_LIFE, any, event);
}

/* A call that begins something, if it is not refused. */
static void begin(struct builder *builder, uint32_t row, enum mark_kind kind,
		  struct match match, const struct watch_event *event)
{
	if (event->result < 0)
		builder_mark(builder, row, MARK_REFUSED, event);
	else
		builder_open(builder, row, kind, match, event);
}

static void pin(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = importer(builder, event);

	begin(builder, row, MARK_PINNED, any, event);
	if (!builder->error && event->result >= 0)
		builder->timeline->rows[row].was_pinned = true;
}

/* Of what had signalled before there is nothing to wait for. */
static void open_fence(struct builder *builder, uint32_t row, const struct watch_event *event)
{
	const struct match match = { event->context, event->seqno };
	uint32_t mark;

	if (!event->signalled) {
		builder_open(builder, row, MARK_FENCE, match, event);
		return;
	}
	mark = builder_mark(builder, row, MARK_FENCE, event);
	if (!builder->error)
		builder->timeline->marks[mark].no_begin = 0;
}

static void add_fence(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = builder_row(builder, ROW_FENCES, event->buffer, event->context);

	open_fence(builder, row, event);
	name_row(builder, row, event->name);
	if (builder->error || !event->attach)
		return;
	builder->timeline->rows[row].owner = event->attach;
	builder->timeline->rows[row].guessed = event->guessed;
}

static void signal_fence(struct builder *builder, const struct watch_event *event)
{
	const struct match match = { event->context, event->seqno };
	uint32_t row;

	if (builder_signal(builder, event) || builder->error)
		return;
	if (!event->buffer) {
		builder->timeline->strangers++;
		return;
	}
	row = builder_row(builder, ROW_FENCES, event->buffer, event->context);
	builder_close(builder, row, MARK_FENCE, match, event);
}

static void state(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = exporter(builder, event);

	builder_cut(builder, row, MARK_STATE, any, event);
	builder_open(builder, row, MARK_STATE, any, event);
}

/* The IOMMU knows of no buffer: it may be of the one that the device was attached to last. */
static void dma_fault(struct builder *builder, const struct watch_event *event)
{
	struct key_value *device = NULL;
	uint32_t row;

	if (!event->buffer && *event->device)
		device = device_at(builder, event->device);
	if (device && device->first != KEYS_NONE) {
		builder_mark(builder, device->first, MARK_DMA_FAULT, event);
		return;
	}
	row = builder_row(builder, ROW_DEVICE, event->buffer, keys_hash(event->device));
	name_row(builder, row, event->device);
	builder_mark(builder, row, MARK_DMA_FAULT, event);
}

static void lost(struct builder *builder, const struct watch_event *event)
{
	if (__builtin_add_overflow(builder->timeline->lost, event->size,
				   &builder->timeline->lost))
		builder->timeline->lost = UINT64_MAX;
	builder->timeline->lost_times++;
	builder_mark(builder, builder_row(builder, ROW_RECORDING, 0, 0), MARK_LOST, event);
}

static void note(struct builder *builder, const struct watch_event *event)
{
	uint32_t row = event->attach ? importer(builder, event) : exporter(builder, event);

	builder_mark(builder, row, MARK_NOTE, event);
}

/* Of the buffer and of its exporter. */
static void add_to_exporter(struct builder *builder, const struct watch_event *event)
{
	switch (event->what) {
	case WATCH_EXPORT:
	case WATCH_THERE:
		begin_buffer(builder, event);
		break;
	case WATCH_RELEASE:
		end_buffer(builder, event);
		break;
	case WATCH_INVALIDATE:
		builder_mark(builder, exporter(builder, event), MARK_INVALIDATE, event);
		break;
	case WATCH_FENCE_WAIT:
		builder_mark(builder, exporter(builder, event), MARK_WAIT, event);
		break;
	case WATCH_STATE:
		state(builder, event);
		break;
	default:
		note(builder, event);
		break;
	}
}

static void add_to_importer(struct builder *builder, const struct watch_event *event)
{
	switch (event->what) {
	case WATCH_ATTACH:
		attach(builder, event);
		break;
	case WATCH_DETACH:
		detach(builder, event);
		break;
	case WATCH_PIN:
		pin(builder, event);
		break;
	case WATCH_UNPIN:
		builder_close(builder, importer(builder, event), MARK_PINNED, any, event);
		break;
	case WATCH_MAP:
		begin(builder, importer(builder, event), MARK_MAPPED, any, event);
		break;
	case WATCH_UNMAP:
		builder_close(builder, importer(builder, event), MARK_MAPPED, any, event);
		break;
	case WATCH_TOLD:
		builder_mark(builder, importer(builder, event), MARK_TOLD, event);
		break;
	default:
		builder_mark(builder, importer(builder, event), MARK_JOB, event);
		break;
	}
}

static void add_to_cpu(struct builder *builder, const struct watch_event *event)
{
	const struct match thread = { event->pid, 1 };
	uint32_t row = cpu(builder, event);

	switch (event->what) {
	case WATCH_VMAP:
		begin(builder, row, MARK_VMAPPED, any, event);
		break;
	case WATCH_VUNMAP:
		builder_close(builder, row, MARK_VMAPPED, any, event);
		break;
	case WATCH_CPU_BEGIN:
		/* Not every kernel has a place where one sees that a thread has ended it. */
		builder_cut(builder, row, MARK_ACCESS, thread, event);
		begin(builder, row, MARK_ACCESS, thread, event);
		break;
	case WATCH_CPU_END:
		/* Our modules say of it only that it was refused, and nothing of its begin. */
		if (event->ours)
			builder_mark(builder, row, MARK_REFUSED, event);
		else
			builder_close(builder, row, MARK_ACCESS, thread, event);
		break;
	case WATCH_MMAP:
		builder_mark(builder, row, event->result < 0 ? MARK_REFUSED : MARK_MMAP, event);
		break;
	case WATCH_FAULT:
		builder_mark(builder, row, event->result < 0 ? MARK_SIGBUS : MARK_FAULT, event);
		break;
	default:
		builder_mark(builder, row, MARK_ZAP, event);
		break;
	}
}

static void add_to_lock(struct builder *builder, const struct watch_event *event)
{
	builder_mark(builder, builder_row(builder, ROW_LOCK, event->buffer, 0),
		     event->what == WATCH_LOCK ? MARK_HELD : MARK_CONTENDED, event);
}

/* What is so, or no more, only when the call has returned. */
static bool is_change(enum watch_what what)
{
	return (what >= WATCH_ATTACH && what <= WATCH_VUNMAP) || what == WATCH_CPU_BEGIN ||
	       what == WATCH_CPU_END;
}

static void add_of_buffer(struct builder *builder, const struct watch_event *event)
{
	if (event->unfinished && is_change(event->what)) {
		note(builder, event);
		return;
	}
	switch (event->what) {
	case WATCH_ATTACH:
	case WATCH_DETACH:
	case WATCH_PIN:
	case WATCH_UNPIN:
	case WATCH_MAP:
	case WATCH_UNMAP:
	case WATCH_TOLD:
	case WATCH_JOB:
		add_to_importer(builder, event);
		break;
	case WATCH_VMAP:
	case WATCH_VUNMAP:
	case WATCH_MMAP:
	case WATCH_CPU_BEGIN:
	case WATCH_CPU_END:
	case WATCH_FAULT:
	case WATCH_ZAP:
		add_to_cpu(builder, event);
		break;
	case WATCH_LOCK:
	case WATCH_CONTEND:
		add_to_lock(builder, event);
		break;
	case WATCH_FENCE_ADD:
		add_fence(builder, event);
		break;
	default:
		add_to_exporter(builder, event);
		break;
	}
}

static void add(struct builder *builder, const struct watch_event *event)
{
	if (event->what == WATCH_LOST)
		lost(builder, event);
	else if (event->what == WATCH_DMA_FAULT)
		dma_fault(builder, event);
	else if (event->what == WATCH_FENCE_SIGNAL)
		signal_fence(builder, event);
	else if (event->buffer)
		add_of_buffer(builder, event);
	else
		builder->timeline->strangers++;
}

/* Of those who were there before, nobody saw the beginning. */
static void add_lives(struct builder *builder)
{
	static const struct watch_event unseen = { .what = WATCH_THERE };
	struct timeline *timeline = builder->timeline;
	size_t i;

	for (i = 0; i < timeline->row_count; i++) {
		const struct row *row = &timeline->rows[i];

		if (row->has_life || (row->kind != ROW_EXPORTER &&
				      (row->kind != ROW_IMPORTER || !row->number)))
			continue;
		builder_open(builder, (uint32_t)i, MARK_LIFE, any, &unseen);
		if (builder->error)
			return;
		timeline->marks[timeline->mark_count - 1].begin_ns = timeline->from_ns;
		timeline->marks[timeline->mark_count - 1].no_begin = 1;
	}
}

/* The kernel gives the names of a fence when it signals. */
static void name_fences(struct timeline *timeline)
{
	size_t i;

	for (i = 0; i < timeline->mark_count; i++) {
		const struct mark *mark = &timeline->marks[i];
		struct row *row = &timeline->rows[mark->row];

		if (mark->kind == MARK_FENCE && mark->ended && !*row->name)
			utf8_clean(row->name, sizeof(row->name), mark->ended->name);
	}
}

static void find_range(struct timeline *timeline, const struct watch_list *list)
{
	size_t i;

	timeline->from_ns = list->count ? UINT64_MAX : 0;
	for (i = 0; i < list->count; i++) {
		const struct watch_event *event = &list->events[i];
		uint64_t begin_ns = event->begin_ns ? event->begin_ns : event->time_ns;

		if (begin_ns < timeline->from_ns && begin_ns <= event->time_ns)
			timeline->from_ns = begin_ns;
		if (event->time_ns < timeline->from_ns)
			timeline->from_ns = event->time_ns;
		if (event->time_ns > timeline->to_ns)
			timeline->to_ns = event->time_ns;
	}
}

int timeline_build(struct timeline *timeline, const struct watch_list *list)
{
	struct builder builder = { .timeline = timeline };
	size_t i;

	*timeline = (struct timeline){ 0 };
	find_range(timeline, list);
	for (i = 0; i < list->count && !builder.error; i++)
		add(&builder, &list->events[i]);
	add_lives(&builder);
	keys_free(&builder.rows);
	keys_free(&builder.open);
	keys_free(&builder.devices);
	if (!builder.error) {
		name_fences(timeline);
		builder.error = timeline_order(timeline);
	}
	if (builder.error)
		timeline_free(timeline);
	return builder.error;
}

void timeline_free(struct timeline *timeline)
{
	free(timeline->dmabufs);
	free(timeline->rows);
	free(timeline->marks);
	*timeline = (struct timeline){ 0 };
}
