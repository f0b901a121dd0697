// SPDX-License-Identifier: GPL-2.0-only
/* Fences: put on a buffer, signalled, waited for. */
#include <errno.h>
#include <stdio.h>

#include "watch/record/join/stream.h"

static void add(struct stream *stream, const struct raw *raw)
{
	struct buffer *buffer = stream_buffer(stream, raw);
	struct watch_event event;
	struct fence fence;

	if (!buffer)
		return;
	if (fences_add(&stream->fences, raw, buffer, &fence)) {
		stream->ret = -ENOMEM;
		return;
	}
	event = stream_event(stream, WATCH_FENCE_ADD, raw, buffer, fence.attachment);
	event.guessed = fence.guessed;
	event.signalled = !!raw->signalled;
	event.context = raw->context;
	event.seqno = raw->seqno;
	event.usage = (int32_t)raw->usage;
	stream_emit(stream, &event, buffer);
}

/* A fence may be on several buffers. */
static void signalled(struct stream *stream, const struct raw *raw)
{
	struct watch_event event;
	struct fence fence;

	while (fences_signal(&stream->fences, raw->context, raw->seqno, &fence)) {
		event = stream_event(stream, WATCH_FENCE_SIGNAL, raw, fence.buffer,
				     fence.attachment);
		event.guessed = fence.guessed;
		event.context = fence.context;
		event.seqno = fence.seqno;
		event.result = fence.error;
		snprintf(event.name, sizeof(event.name), "%.30s %.32s", raw->name,
			 raw->timeline);
		stream_emit(stream, &event, fence.buffer);
	}
}

static void await(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	struct frame *frame = thread_enter(thread, raw);
	const struct fence *fence;

	if (raw->kind == RAW_RESV_WAIT) {
		frame->buffer = stream_buffer(stream, raw);
		return;
	}
	/* What a wait for all of a resv waits for is part of it. */
	if (thread_inside(thread, RAW_RESV_WAIT))
		return;
	fence = fences_find(&stream->fences, raw->context, raw->seqno);
	if (!fence)
		return;
	frame->buffer = fence->buffer;
	frame->attachment = fence->attachment;
	frame->guessed = fence->guessed;
}

static void awaited(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	const struct frame *frame = thread_return(thread, raw);
	struct watch_event event;

	if (!frame || !frame->buffer)
		return;
	event = stream_event(stream, WATCH_FENCE_WAIT, raw, frame->buffer, frame->attachment);
	event.begin_ns = frame->enters->time_ns;
	event.guessed = frame->guessed;
	event.context = frame->enters->context;
	event.seqno = frame->enters->seqno;
	event.usage = (int32_t)frame->enters->usage;
	/* Otherwise it is the time that was left. */
	event.result = raw->left < 0 ? (int32_t)raw->left : raw->left ? 0 : -ETIMEDOUT;
	stream_emit(stream, &event, frame->buffer);
}

void stream_fence(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	switch (raw->kind) {
	case RAW_FENCE_ADD:
		add(stream, raw);
		break;
	case RAW_FENCE_SIGNAL:
		fences_error(&stream->fences, raw);
		break;
	case RAW_FENCE_SIGNALED:
		signalled(stream, raw);
		break;
	default:
		if (raw->returns)
			awaited(stream, thread, raw);
		else
			await(stream, thread, raw);
	}
}
