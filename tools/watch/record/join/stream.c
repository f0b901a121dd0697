// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/record/join/stream.h"

#define MAX_ERRNO	4095

int32_t pointer_result(uint64_t pointer)
{
	return pointer >= (uint64_t)-MAX_ERRNO ? (int32_t)pointer : 0;
}

struct watch_event stream_event(const struct stream *stream, enum watch_what what,
				const struct raw *raw, const struct buffer *buffer,
				const struct attachment *attachment)
{
	struct watch_event event = {
		.what = what,
		.time_ns = raw->time_ns,
		.pid = raw->pid,
		.buffer = buffer ? buffer->number : 0,
		.inode = buffer ? buffer->inode : 0,
		.attach = attachment ? attachment->number : 0,
		.locked = stream_holds(stream, buffer, raw->pid),
		.unfinished = stream->over,
	};

	snprintf(event.comm, sizeof(event.comm), "%s", raw->comm);
	if (attachment)
		snprintf(event.device, sizeof(event.device), "%s", attachment->device);
	return event;
}

void stream_emit(struct stream *stream, const struct watch_event *event,
		 const struct buffer *buffer)
{
	int ret;

	if (buffer && !chosen_has(stream->chosen, buffer->inode, buffer->name))
		return;
	ret = watch_list_add(stream->out, event);
	if (ret)
		stream->ret = ret;
}

struct buffer *stream_buffer(struct stream *stream, const struct raw *raw)
{
	struct watch_event event;
	struct buffer *buffer;
	bool fresh;

	buffer = known_buffer(&stream->known, raw, &fresh);
	if (!buffer || !fresh)
		return buffer;
	event = stream_event(stream, WATCH_THERE, raw, buffer, NULL);
	event.size = buffer->size;
	snprintf(event.name, sizeof(event.name), "%s", buffer->name);
	stream_emit(stream, &event, buffer);
	return buffer;
}

static void lost(struct stream *stream, const struct raw *raw)
{
	struct watch_event event = stream_event(stream, WATCH_LOST, raw, NULL, NULL);

	event.size = raw->size;
	stream_emit(stream, &event, NULL);
}

static void handle(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	switch (raw->kind) {
	case RAW_TOLD ... RAW_OP_UNMAP:
		stream_candidate(stream, thread, raw);
		break;
	case RAW_FENCE_ADD ... RAW_FENCE_WAIT:
		stream_fence(stream, thread, raw);
		break;
	case RAW_LOCK ... RAW_CONTENDED:
		stream_lock(stream, thread, raw);
		break;
	case RAW_ZAP ... RAW_DESCRIPTOR:
		stream_memory(stream, thread, raw);
		break;
	case RAW_OWN_CONTEXT ... RAW_OWN_MARK:
		stream_own(stream, raw);
		break;
	case RAW_ALONE_EXPORT ... RAW_ALONE_TOLD:
		stream_alone(stream, thread, raw);
		break;
	case RAW_LOST:
		lost(stream, raw);
		break;
	default:
		stream_call(stream, thread, raw);
	}
}

/* As if it returned now, all being well. */
static void unwind(struct stream *stream, struct thread *thread, uint64_t end_ns)
{
	const struct raw *enters = thread->frames[thread->depth - 1].enters;
	struct raw raw = {
		.time_ns = end_ns,
		.kind = enters->kind,
		.pid = enters->pid,
		.source = enters->source + 1,
		.returns = true,
		.left = 1,
	};

	memcpy(raw.comm, enters->comm, sizeof(raw.comm));
	/* Who waits for a lock does not hold it. */
	if (raw.kind == RAW_LOCK || raw.kind == RAW_TRYLOCK)
		thread->depth--;
	else
		handle(stream, thread, &raw);
}

static void end(struct stream *stream, uint64_t end_ns)
{
	struct thread *thread;

	stream->over = true;
	while ((thread = index_take(&stream->threads.by_pid))) {
		while (thread->depth)
			unwind(stream, thread, end_ns);
		free(thread);
	}
	stream_held(stream, end_ns);
	stream_begun(stream, end_ns);
}

void stream_run(struct stream *stream, const struct raws *raws, uint64_t end_ns)
{
	struct thread *thread;
	size_t i;

	for (i = 0; i < raws->count && !stream->ret; i++) {
		thread = threads_get(&stream->threads, raws->rows[i].pid);
		if (thread)
			handle(stream, thread, &raws->rows[i]);
		if (!thread || stream->known.ret)
			stream->ret = -ENOMEM;
	}
	end(stream, end_ns);
}

void stream_free(struct stream *stream)
{
	fences_free(&stream->fences);
	threads_free(&stream->threads);
	index_free(&stream->locks, free);
	index_free(&stream->begun, NULL);
	known_free(&stream->known);
}
