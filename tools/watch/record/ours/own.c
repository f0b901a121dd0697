// SPDX-License-Identifier: GPL-2.0-only
/* Trace events of our modules: what no probe can see. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/text/names.h"
#include "watch/record/join/stream.h"

/* Of enum vm_fault_reason; an ABI of the kernel for nobody, but it has never changed. */
#define VM_FAULT_OOM	0x1
#define VM_FAULT_SIGBUS	0x2

static struct watch_event own_event(const struct stream *stream, enum watch_what what,
				    const struct raw *raw, const struct buffer *buffer,
				    const struct attachment *attachment)
{
	struct watch_event event = stream_event(stream, what, raw, buffer, attachment);

	event.ours = true;
	event.context = raw->context;
	event.seqno = raw->seqno;
	event.result = raw->result;
	return event;
}

int32_t fault_result(int32_t reasons)
{
	return reasons & VM_FAULT_SIGBUS ? -EFAULT : reasons & VM_FAULT_OOM ? -ENOMEM : 0;
}

/* "dbr_late" of a map is "late map". */
void name_mark(const struct source *source, const struct raw *raw, struct watch_event *event)
{
	const char *name = strchr(source->event, '_');

	snprintf(event->name, sizeof(event->name), "%.30s%s%.32s", name ? name + 1 : "",
		 *raw->name ? " " : "", raw->name);
}

/* What begins and ends has a fence of its own on each buffer. */
static uint64_t begun_key(const struct raw *raw, const struct buffer *buffer)
{
	bool is_wait = raw->kind == RAW_OWN_WAIT || raw->kind == RAW_OWN_WAITED;

	return raw->context << 40 ^ raw->seqno << 16 ^ buffer->number << 1 ^ is_wait;
}

static void begin(struct stream *stream, const struct raw *raw, const struct buffer *buffer)
{
	if (index_put(&stream->begun, begun_key(raw, buffer), (void *)raw))
		stream->ret = -ENOMEM;
}

/* A job that never ran has no beginning. */
static void finish(struct stream *stream, enum watch_what what, const struct raw *raw,
		   const struct buffer *buffer, const struct attachment *attachment)
{
	struct watch_event event = own_event(stream, what, raw, buffer, attachment);
	uint64_t key = begun_key(raw, buffer);
	const struct raw *begun = index_find(&stream->begun, key);

	if (begun)
		event.begin_ns = begun->time_ns;
	index_remove(&stream->begun, key);
	/* It is not waited for with the lock that is held when it is over. */
	event.locked = false;
	stream_emit(stream, &event, buffer);
}

void stream_begun(struct stream *stream, uint64_t end_ns)
{
	const struct raw *begun;

	while ((begun = index_take(&stream->begun))) {
		const struct buffer *buffer = known_inode(&stream->known, begun->inode);
		enum watch_what what = begun->kind == RAW_OWN_JOB ? WATCH_JOB :
				       WATCH_FENCE_WAIT;
		struct watch_event event;
		struct raw raw = *begun;

		if (!buffer)
			continue;
		raw.time_ns = end_ns;
		event = own_event(stream, what, &raw, buffer,
				  index_find(&stream->known.by_attachment, raw.attachment));
		event.begin_ns = begun->time_ns;
		stream_emit(stream, &event, buffer);
	}
}

static void own(struct stream *stream, struct attachment *attachment, const struct raw *raw)
{
	if (attachment && !raw->result && fences_own(&stream->fences, raw->context, attachment))
		stream->ret = -ENOMEM;
}

void stream_own(struct stream *stream, const struct raw *raw)
{
	struct buffer *buffer = known_inode(&stream->known, raw->inode);
	struct attachment *attachment = raw->attachment ?
		index_find(&stream->known.by_attachment, raw->attachment) : NULL;
	struct watch_event event;

	if (!buffer)
		return;
	switch (raw->kind) {
	case RAW_OWN_CONTEXT:
		own(stream, attachment, raw);
		return;
	case RAW_OWN_WAIT:
	case RAW_OWN_JOB:
		begin(stream, raw, buffer);
		return;
	case RAW_OWN_WAITED:
		finish(stream, WATCH_FENCE_WAIT, raw, buffer, attachment);
		return;
	case RAW_OWN_JOB_DONE:
		finish(stream, WATCH_JOB, raw, buffer, attachment);
		return;
	case RAW_OWN_FAULT:
		event = own_event(stream, WATCH_FAULT, raw, buffer, NULL);
		event.result = fault_result(raw->result);
		break;
	case RAW_OWN_STATE:
		event = own_event(stream, WATCH_STATE, raw, buffer, NULL);
		snprintf(event.name, sizeof(event.name), "%s",
			 state_name((uint32_t)raw->state));
		break;
	default:
		event = own_event(stream, WATCH_MARK, raw, buffer, attachment);
		name_mark(&stream->sources->rows[raw->source], raw, &event);
	}
	stream_emit(stream, &event, buffer);
}
