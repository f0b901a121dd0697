// SPDX-License-Identifier: GPL-2.0-only
/* Calls of the dma-buf core. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/dma-buf.h>

#include "watch/record/join/stream.h"

static const enum watch_what whats[] = {
	[RAW_EXPORT] = WATCH_EXPORT,
	[RAW_RELEASE] = WATCH_RELEASE,
	[RAW_ATTACH] = WATCH_ATTACH,
	[RAW_DETACH] = WATCH_DETACH,
	[RAW_PIN] = WATCH_PIN,
	[RAW_UNPIN] = WATCH_UNPIN,
	[RAW_MAP] = WATCH_MAP,
	[RAW_UNMAP] = WATCH_UNMAP,
	[RAW_VMAP] = WATCH_VMAP,
	[RAW_VUNMAP] = WATCH_VUNMAP,
	[RAW_MMAP] = WATCH_MMAP,
	[RAW_CPU_BEGIN] = WATCH_CPU_BEGIN,
	[RAW_CPU_END] = WATCH_CPU_END,
	[RAW_INVALIDATE] = WATCH_INVALIDATE,
};

static void export(struct stream *stream, const struct raw *raw)
{
	struct watch_event event;
	struct buffer *buffer;

	if (pointer_result(raw->pointer))
		return;
	buffer = known_export(&stream->known, raw);
	if (!buffer)
		return;
	event = stream_event(stream, WATCH_EXPORT, raw, buffer, NULL);
	event.size = raw->size;
	memcpy(event.name, raw->name, sizeof(event.name));
	stream_emit(stream, &event, buffer);
}

static void release(struct stream *stream, const struct raw *raw)
{
	struct buffer *buffer = stream_buffer(stream, raw);
	struct watch_event event;

	if (!buffer)
		return;
	event = stream_event(stream, WATCH_RELEASE, raw, buffer, NULL);
	stream_emit(stream, &event, buffer);
	known_release(&stream->known, buffer);
}

static void enter(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	struct frame *frame = thread_enter(thread, raw);

	frame->buffer = stream_buffer(stream, raw);
	frame->attachment = known_attachment(&stream->known, raw->attachment, frame->buffer);
	if (frame->attachment && *raw->device)
		memcpy(frame->attachment->device, raw->device, sizeof(raw->device));
}

static const char *callback_name(const struct stream *stream, uint64_t address)
{
	size_t i;

	for (i = 0; i < stream->symbol_count; i++)
		if (stream->symbols[i].address == address)
			return stream->symbols[i].name;
	return "";
}

static void attached(struct stream *stream, struct frame *frame, const struct raw *raw,
		     struct watch_event *event)
{
	const struct raw *enters = frame->enters;
	struct attachment *attachment;

	memcpy(event->device, enters->device, sizeof(event->device));
	if (enters->importer_ops && enters->callback)
		snprintf(event->name, sizeof(event->name), "%s",
			 callback_name(stream, enters->callback));
	/* Without any it would be a static one: nobody can name it, its module is gone maybe. */
	if (enters->importer_ops && enters->callback && !*event->name)
		snprintf(event->name, sizeof(event->name), "%#" PRIx64, enters->callback);
	event->result = pointer_result(raw->pointer);
	if (event->result || stream->over)
		return;
	attachment = known_attach(&stream->known, raw->pointer, frame->buffer);
	if (!attachment)
		return;
	memcpy(attachment->device, enters->device, sizeof(attachment->device));
	event->attach = attachment->number;
}

/* Whether an exporter's unmap would have been seen. */
static bool probes_unmaps(const struct stream *stream)
{
	size_t i;

	for (i = 0; i < stream->sources->count; i++)
		if (stream->sources->rows[i].kind == RAW_OP_UNMAP)
			return true;
	return false;
}

/*
 * Of a table that the core keeps, from the attach or the first map until the detach: the exporter
 * was not asked. Where nothing is on its unmap, that none was seen says nothing by itself.
 */
static void mark_cached(const struct stream *stream, const struct frame *frame,
			struct watch_event *event)
{
	struct attachment *attachment = frame->attachment;
	bool kept = !frame->op && frame->buffer->op_seen;

	if (event->result || !attachment)
		return;
	if (event->what == WATCH_MAP)
		attachment->cached = kept;
	else
		kept = kept && (attachment->cached || probes_unmaps(stream));
	if (kept)
		strcpy(event->name, "cached");
}

static void leave(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	struct frame *frame = thread_return(thread, raw);
	struct watch_event event;

	if (!frame || !frame->buffer)
		return;
	event = stream_event(stream, whats[raw->kind], raw, frame->buffer, frame->attachment);
	event.begin_ns = frame->enters->time_ns;
	event.result = raw->result;
	if (raw->kind == RAW_ATTACH)
		attached(stream, frame, raw, &event);
	if (raw->kind == RAW_MAP)
		event.result = pointer_result(raw->pointer);
	if (raw->kind == RAW_MAP || raw->kind == RAW_UNMAP)
		mark_cached(stream, frame, &event);
	if (raw->kind == RAW_MAP && !event.result && frame->attachment)
		fences_mapped(&stream->fences, raw->pid, frame->attachment);
	if (raw->kind == RAW_DETACH && frame->attachment)
		known_detach(&stream->known, frame->attachment);
	/* The core lets go of what it has not let in. */
	if (raw->kind == RAW_DETACH && thread_inside(thread, RAW_ATTACH))
		return;
	stream_emit(stream, &event, frame->buffer);
}

/*
 * DMA_BUF_IOCTL_SYNC. The core's functions are called within it, or are part of it: then nobody
 * else has seen them.
 */
static void synced(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	const struct frame *frame = thread_return(thread, raw);
	struct watch_event event;

	if (!frame || !frame->buffer || frame->op || frame->enters->state != DMA_BUF_IOCTL_SYNC)
		return;
	event = stream_event(stream, frame->enters->usage & DMA_BUF_SYNC_END ? WATCH_CPU_END :
			     WATCH_CPU_BEGIN, raw, frame->buffer, NULL);
	event.begin_ns = frame->enters->time_ns;
	event.result = raw->result;
	stream_emit(stream, &event, frame->buffer);
}

static void note_within(struct thread *thread, enum raw_kind kind)
{
	struct frame *sync = thread_inside(thread, RAW_SYNC);

	if (sync && (kind == RAW_CPU_BEGIN || kind == RAW_CPU_END))
		sync->op = true;
}

void stream_call(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	if (raw->kind == RAW_EXPORT)
		export(stream, raw);
	else if (raw->kind == RAW_RELEASE)
		release(stream, raw);
	else if (raw->kind == RAW_CLOSE)
		known_close(&stream->known, raw);
	else if (raw->kind == RAW_SYNC && raw->returns)
		synced(stream, thread, raw);
	else if (raw->returns)
		leave(stream, thread, raw);
	else
		enter(stream, thread, raw);
	if (!raw->returns)
		note_within(thread, raw->kind);
}
