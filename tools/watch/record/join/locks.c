// SPDX-License-Identifier: GPL-2.0-only
/* The resv lock: who holds it, how long, who waits for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "watch/record/join/stream.h"

/* Also of locks that are nobody's yet: a buffer may become known while it is held. */
struct hold {
	uint64_t lock;
	uint32_t pid;
	char comm[16];
	uint64_t since_ns;
};

bool stream_holds(const struct stream *stream, const struct buffer *buffer, uint32_t pid)
{
	const struct hold *hold;

	if (!buffer || !buffer->resv)
		return false;
	hold = index_find(&stream->locks, buffer->resv);
	return hold && hold->pid == pid;
}

static void take(struct stream *stream, uint64_t lock, const struct raw *raw)
{
	struct hold *hold = index_find(&stream->locks, lock);

	if (!hold) {
		hold = calloc(1, sizeof(*hold));
		if (!hold || index_put(&stream->locks, lock, hold)) {
			free(hold);
			stream->ret = -ENOMEM;
			return;
		}
	}
	*hold = (struct hold){ .lock = lock, .pid = raw->pid, .since_ns = raw->time_ns };
	memcpy(hold->comm, raw->comm, sizeof(hold->comm));
}

static void taken(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	const struct frame *frame = thread_return(thread, raw);
	/* A trylock returns whether. */
	int32_t success = raw->kind == RAW_TRYLOCK;

	if (frame && raw->result == success)
		take(stream, frame->enters->resv, raw);
}

static void give(struct stream *stream, const struct raw *raw)
{
	struct hold *hold = index_find(&stream->locks, raw->resv);
	struct buffer *buffer = stream_buffer(stream, raw);
	struct watch_event event;

	/* Taken before the recording began, or that was lost. */
	if (!hold)
		return;
	if (buffer && hold->pid == raw->pid) {
		event = stream_event(stream, WATCH_LOCK, raw, buffer, NULL);
		event.begin_ns = hold->since_ns;
		stream_emit(stream, &event, buffer);
	}
	index_remove(&stream->locks, raw->resv);
	free(hold);
}

void stream_held(struct stream *stream, uint64_t end_ns)
{
	struct watch_event event;
	struct buffer *buffer;
	struct hold *hold;

	while ((hold = index_take(&stream->locks))) {
		struct raw raw = { .time_ns = end_ns, .pid = hold->pid, .resv = hold->lock };

		memcpy(raw.comm, hold->comm, sizeof(raw.comm));
		buffer = stream_buffer(stream, &raw);
		if (buffer) {
			event = stream_event(stream, WATCH_LOCK, &raw, buffer, NULL);
			event.begin_ns = hold->since_ns;
			event.locked = true;
			stream_emit(stream, &event, buffer);
		}
		free(hold);
	}
}

static void contended(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	struct buffer *buffer = stream_buffer(stream, raw);
	const struct raw *begin = thread->contends;
	struct watch_event event;

	thread->contends = NULL;
	if (!buffer || !begin || begin->resv != raw->resv)
		return;
	event = stream_event(stream, WATCH_CONTEND, raw, buffer, NULL);
	event.begin_ns = begin->time_ns;
	stream_emit(stream, &event, buffer);
}

void stream_lock(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	switch (raw->kind) {
	case RAW_UNLOCK:
		give(stream, raw);
		break;
	case RAW_CONTEND:
		/*
		 * A spinlock that is waited for meanwhile is no buffer's; and it is said again
		 * after each time that it was woken in vain.
		 */
		if (!(thread->contends && thread->contends->resv == raw->resv) &&
		    stream_buffer(stream, raw))
			thread->contends = raw;
		break;
	case RAW_CONTENDED:
		if (thread->contends && thread->contends->resv == raw->resv)
			contended(stream, thread, raw);
		break;
	default:
		thread->contends = NULL;
		if (raw->returns)
			taken(stream, thread, raw);
		else
			thread_enter(thread, raw);
	}
}
