// SPDX-License-Identifier: GPL-2.0-only
/* Functions that may be a callback or an exporter's op. */
#include <stdio.h>
#include <string.h>

#include "watch/record/join/stream.h"

/* Where a function begins, a probe is not: behind an instruction that marks an entry. */
#define ENTRY_BYTES	16

static bool is_at(uint64_t ip, uint64_t function)
{
	return function && ip >= function && ip - function <= ENTRY_BYTES;
}

static bool is_callback(const struct raw *raw)
{
	return raw->kind == RAW_TOLD && raw->importer_ops && is_at(raw->ip, raw->callback);
}

static void enter(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	struct frame *frame = thread_enter(thread, raw);

	/* One that only has the type of an op. */
	if (!is_callback(raw) && !is_at(raw->ip, raw->op))
		return;
	frame->buffer = stream_buffer(stream, raw);
	frame->attachment = known_attachment(&stream->known, raw->attachment, frame->buffer);
	if (frame->attachment && *raw->device)
		memcpy(frame->attachment->device, raw->device, sizeof(raw->device));
}

/* What the core's call would be, and how it is called if the core does it by itself. */
static const struct {
	enum raw_kind call;
	enum watch_what what;
} ops[] = {
	[RAW_TOLD] = { RAW_UNPIN, WATCH_UNPIN },
	[RAW_OP_PIN] = { RAW_PIN, WATCH_PIN },
	[RAW_OP_MAP] = { RAW_MAP, WATCH_MAP },
	[RAW_OP_UNMAP] = { RAW_UNMAP, WATCH_UNMAP },
};

static const char *inside_of(struct thread *thread)
{
	return thread_inside(thread, RAW_ATTACH) ? "by attach" :
	       thread_inside(thread, RAW_DETACH) ? "by detach" :
	       thread_inside(thread, RAW_MAP) ? "by map" :
	       thread_inside(thread, RAW_UNMAP) ? "by unmap" : "";
}

static void op(struct stream *stream, struct thread *thread, const struct frame *frame,
	       const struct raw *raw)
{
	struct frame *call = thread_inside(thread, ops[raw->kind].call);
	struct watch_event event;

	if (raw->kind == RAW_OP_MAP)
		frame->buffer->op_seen = true;
	/* Its end says the same. */
	if (call && call->attachment == frame->attachment) {
		call->op = true;
		return;
	}
	event = stream_event(stream, ops[raw->kind].what, raw, frame->buffer,
			     frame->attachment);
	event.begin_ns = frame->enters->time_ns;
	event.result = raw->kind == RAW_OP_MAP ? pointer_result(raw->pointer) : raw->result;
	snprintf(event.name, sizeof(event.name), "%s", inside_of(thread));
	/* Then nobody attaches. */
	if (event.result && thread_inside(thread, RAW_ATTACH))
		event.attach = 0;
	stream_emit(stream, &event, frame->buffer);
}

static void told(struct stream *stream, const struct frame *frame, const struct raw *raw)
{
	struct watch_event event = stream_event(stream, WATCH_TOLD, raw, frame->buffer,
						frame->attachment);

	event.begin_ns = frame->enters->time_ns;
	stream_emit(stream, &event, frame->buffer);
}

void stream_candidate(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	struct frame *found, frame;

	if (!raw->returns) {
		enter(stream, thread, raw);
		return;
	}
	found = thread_return(thread, raw);
	if (!found || !found->buffer)
		return;
	/* What comes next has a frame of its own there. */
	frame = *found;
	if (is_callback(frame.enters))
		told(stream, &frame, raw);
	else
		op(stream, thread, &frame, raw);
}
