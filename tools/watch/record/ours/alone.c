// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events where no probe has seen the same: those of our exporter for its buffers, for
 * others what our importer and the core say. The call is over when they come.
 *
 * For a trace.dat, among all else that it may have. What is recorded of ours alone, and joined
 * while it goes on, is joined by own/.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <dmabuf_revoke.h>

#include "watch/record/join/stream.h"

#define EXPORTER	"dmabuf_revoke_exporter"
#define IMPORTER	"dmabuf_revoke_importer"

/* In place of the name of a callback. */
#define CALLBACK	"callback"

static bool is_of(const struct stream *stream, const struct raw *raw, const char *system)
{
	return !strcmp(stream->sources->rows[raw->source].system, system);
}

/* A name and a size may be of something else. */
static struct buffer *whose(struct stream *stream, const struct raw *raw)
{
	const struct buffer *known = known_inode(&stream->known, raw->inode);
	bool ours = is_of(stream, raw, EXPORTER), importers = is_of(stream, raw, IMPORTER);
	struct raw bare = *raw;
	struct buffer *buffer;

	if (ours || importers)
		*bare.name = '\0';
	if ((ours || importers) && raw->kind != RAW_ALONE_EXPORT)
		bare.size = 0;
	if (ours && !(known && *known->name))
		strcpy(bare.name, EXPORTER);
	buffer = stream_buffer(stream, &bare);
	if (buffer)
		buffer->ours |= ours;
	return buffer;
}

static void export(struct stream *stream, const struct raw *raw)
{
	struct watch_event event;
	struct buffer *buffer;
	struct raw named = *raw;

	/* The core has said so before our exporter does. */
	if (known_inode(&stream->known, raw->inode)) {
		whose(stream, raw);
		return;
	}
	if (is_of(stream, raw, EXPORTER))
		strcpy(named.name, EXPORTER);
	buffer = known_export(&stream->known, &named);
	if (!buffer)
		return;
	buffer->ours = is_of(stream, raw, EXPORTER);
	event = stream_event(stream, WATCH_EXPORT, raw, buffer, NULL);
	event.size = buffer->size;
	memcpy(event.name, buffer->name, sizeof(event.name));
	stream_emit(stream, &event, buffer);
}

static bool is_dynamic(const struct stream *stream, const struct raw *raw)
{
	if (is_of(stream, raw, IMPORTER))
		return raw->importer_kind != DMABUF_REVOKE_KIND_LEGACY_STATIC;
	return raw->is_dynamic;
}

/* It is said up to three times; what a refusal says is not said here. */
static void attach(struct stream *stream, struct buffer *buffer, const struct raw *raw)
{
	struct attachment *attachment = NULL;
	struct watch_event event;

	if (raw->result && buffer->ours)
		return;
	if (!raw->result)
		attachment = known_attachment(&stream->known, raw->attachment, buffer);
	if (!raw->result && (!attachment || attachment->announced))
		return;
	event = stream_event(stream, WATCH_ATTACH, raw, buffer, attachment);
	event.result = raw->result;
	memcpy(event.device, raw->device, sizeof(event.device));
	if (is_dynamic(stream, raw))
		strcpy(event.name, CALLBACK);
	stream_emit(stream, &event, buffer);
	if (!attachment)
		return;
	attachment->announced = true;
	memcpy(attachment->device, raw->device, sizeof(attachment->device));
}

/* Our importer says which context its fences will be of. */
static void own(struct stream *stream, const struct raw *raw)
{
	struct raw context = *raw;

	context.kind = RAW_OWN_CONTEXT;
	stream_own(stream, &context);
}

static void detach(struct stream *stream, struct buffer *buffer, const struct raw *raw)
{
	struct attachment *attachment = index_find(&stream->known.by_attachment,
						   raw->attachment);
	struct watch_event event;

	/* Said before, or let in by nobody. */
	if (!attachment || (!attachment->announced && !buffer->there))
		return;
	event = stream_event(stream, WATCH_DETACH, raw, buffer, attachment);
	stream_emit(stream, &event, buffer);
	known_detach(&stream->known, attachment);
}

static const enum watch_what whats[] = {
	[RAW_ALONE_PIN] = WATCH_PIN,
	[RAW_ALONE_UNPIN] = WATCH_UNPIN,
	[RAW_ALONE_MAP] = WATCH_MAP,
	[RAW_ALONE_UNMAP] = WATCH_UNMAP,
	[RAW_ALONE_VMAP] = WATCH_VMAP,
	[RAW_ALONE_VUNMAP] = WATCH_VUNMAP,
	[RAW_ALONE_MMAP] = WATCH_MMAP,
};

static const struct {
	const char *name;
	enum watch_what what;
} calls[] = {
	{ "attach", WATCH_ATTACH },
	{ "pin", WATCH_PIN },
	{ "map", WATCH_MAP },
	{ "vmap", WATCH_VMAP },
	{ "mmap", WATCH_MMAP },
	{ "begin_cpu_access", WATCH_CPU_BEGIN },
	{ "end_cpu_access", WATCH_CPU_END },
};

static void call(struct stream *stream, struct buffer *buffer, const struct raw *raw,
		 enum watch_what what)
{
	struct attachment *attachment = what == WATCH_ATTACH ? NULL :
		known_attachment(&stream->known, raw->attachment, buffer);
	struct watch_event event = stream_event(stream, what, raw, buffer, attachment);

	event.result = raw->result;
	if (*raw->device)
		memcpy(event.device, raw->device, sizeof(event.device));
	if (what == WATCH_MAP && !raw->result && attachment)
		fences_mapped(&stream->fences, raw->pid, attachment);
	stream_emit(stream, &event, buffer);
}

static void refused(struct stream *stream, struct buffer *buffer, const struct raw *raw)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(calls[i].name, raw->name))
			call(stream, buffer, raw, calls[i].what);
}

static void told(struct stream *stream, struct thread *thread, struct buffer *buffer,
		 const struct raw *raw)
{
	struct watch_event event;
	struct frame *frame;

	if (!raw->returns) {
		frame = thread_enter(thread, raw);
		frame->buffer = buffer;
		frame->attachment = known_attachment(&stream->known, raw->attachment, buffer);
		return;
	}
	frame = thread_return(thread, raw);
	if (!frame)
		return;
	event = stream_event(stream, WATCH_TOLD, raw, frame->buffer, frame->attachment);
	event.begin_ns = frame->enters->time_ns;
	stream_emit(stream, &event, frame->buffer);
}

/* Whether our exporter says the same of it, too. */
static bool is_twice(const struct stream *stream, const struct buffer *buffer,
		     const struct raw *raw)
{
	return buffer->ours && !is_of(stream, raw, EXPORTER);
}

void stream_alone(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	/* What has not returned when all is over has no inode; but its frame has a buffer. */
	struct buffer *buffer = raw->inode && raw->kind != RAW_ALONE_EXPORT ?
				whose(stream, raw) : NULL;

	if (raw->kind == RAW_ALONE_EXPORT)
		export(stream, raw);
	else if (raw->kind == RAW_ALONE_TOLD && (buffer || raw->returns))
		told(stream, thread, buffer, raw);
	else if (!buffer)
		return;
	else if (raw->kind == RAW_ALONE_ATTACH)
		attach(stream, buffer, raw);
	else if (raw->kind == RAW_ALONE_DETACH)
		detach(stream, buffer, raw);
	else if (raw->kind == RAW_ALONE_REFUSED)
		refused(stream, buffer, raw);
	else if (!is_twice(stream, buffer, raw))
		call(stream, buffer, raw, whats[raw->kind]);
	if (raw->kind == RAW_ALONE_ATTACH && is_of(stream, raw, IMPORTER))
		own(stream, raw);
}
