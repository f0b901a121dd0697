// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text/names.h"
#include "watch/record/join/stream.h"
#include "watch/record/own/join.h"

/* Of the entry that is joined. */
struct entry {
	const struct raw *raw;
	struct buffer *buffer;
	struct attachment *attachment;	/* NULL: nobody's */
	bool by_importer;
};

static struct watch_event make(enum watch_what what, const struct raw *raw,
			       const struct buffer *buffer,
			       const struct attachment *attachment)
{
	struct watch_event event = {
		.what = what,
		.time_ns = raw->time_ns,
		.pid = raw->pid,
		.buffer = buffer->number,
		.attach = attachment ? attachment->number : 0,
		.inode = buffer->inode,
		.context = raw->context,
		.seqno = raw->seqno,
		.result = raw->result,
		.ours = true,
	};

	snprintf(event.comm, sizeof(event.comm), "%s", raw->comm);
	snprintf(event.device, sizeof(event.device), "%s",
		 *raw->device || !attachment ? raw->device : attachment->device);
	return event;
}

static void emit(struct own_join *join, const struct watch_event *event,
		 const struct buffer *buffer)
{
	int ret;

	if (join->chosen && !chosen_has(join->chosen, buffer->inode, buffer->name))
		return;
	ret = watch_list_add(join->out, event);
	if (ret)
		join->ret = ret;
}

static void emit_entry(struct own_join *join, enum watch_what what, const struct entry *entry)
{
	struct watch_event event = make(what, entry->raw, entry->buffer, entry->attachment);

	emit(join, &event, entry->buffer);
}

/* A fence, or a call without a beginning, has nothing of a buffer's. */
static void emit_buffer(struct own_join *join, enum watch_what what, const struct raw *raw,
			const struct buffer *buffer)
{
	struct watch_event event = make(what, raw, buffer, NULL);

	event.size = buffer->size;
	snprintf(event.name, sizeof(event.name), "%s", buffer->name);
	emit(join, &event, buffer);
}

static void put_inode(struct own_join *join, struct buffer *buffer)
{
	if (buffer && index_put(&join->by_inode, buffer->inode, buffer))
		join->ret = -ENOMEM;
}

static void allocated(struct own_join *join, const struct raw *raw)
{
	struct raw named = *raw;
	struct buffer *buffer;

	snprintf(named.name, sizeof(named.name), OWN_EXPORTER);
	buffer = known_export(&join->known, &named);
	put_inode(join, buffer);
	if (!buffer)
		return;
	buffer->ours = true;
	emit_buffer(join, WATCH_EXPORT, raw, buffer);
}

/* NULL: out of memory. */
static struct buffer *find_buffer(struct own_join *join, const struct raw *raw, bool ours)
{
	struct buffer *buffer = index_find(&join->by_inode, raw->inode);
	struct raw there = { .time_ns = raw->time_ns };

	if (buffer && ours && !buffer->ours)
		snprintf(buffer->name, sizeof(buffer->name), OWN_EXPORTER);
	if (!buffer) {
		buffer = known_there(&join->known, raw->inode, 0, ours ? OWN_EXPORTER : "");
		put_inode(join, buffer);
		if (buffer)
			emit_buffer(join, WATCH_THERE, &there, buffer);
	}
	if (buffer && ours)
		buffer->ours = true;
	return buffer;
}

static const char *kind_name(uint64_t kind)
{
	static const char *const names[] = {
		[DMABUF_REVOKE_KIND_DYNAMIC] = "dynamic",
		[DMABUF_REVOKE_KIND_PINNED] = "pinned",
		[DMABUF_REVOKE_KIND_LEGACY_STATIC] = "legacy-static",
		[DMABUF_REVOKE_KIND_LEGACY_RDMA] = "legacy-rdma",
	};

	return kind < sizeof(names) / sizeof(*names) && names[kind] ? names[kind] : "";
}

/* What is refused has no number. */
static void attached(struct own_join *join, struct entry *entry)
{
	const struct raw *raw = entry->raw;
	struct watch_event event;

	if (entry->by_importer && entry->buffer->ours)
		return;
	if (!raw->result)
		entry->attachment = known_attach(&join->known, raw->attachment, entry->buffer);
	event = make(WATCH_ATTACH, raw, entry->buffer, entry->attachment);
	event.context = 0;
	snprintf(event.name, sizeof(event.name), "%s",
		 entry->by_importer ? kind_name(raw->importer_kind) :
		 raw->revocable ? "revocable" : raw->is_dynamic ? "dynamic" : "");
	emit(join, &event, entry->buffer);
}

/* The importer says so before it does, so that of a buffer not known yet both may be heard. */
static void detached(struct own_join *join, struct entry *entry)
{
	struct attachment *attachment = entry->attachment;

	if (entry->by_importer && entry->buffer->ours)
		return;
	if (!attachment || !attachment->detached)
		emit_entry(join, WATCH_DETACH, entry);
	if (!attachment)
		return;
	if (entry->by_importer)
		attachment->detached = attachment->announced = true;
	else
		known_detach(&join->known, attachment);
}

/*
 * The exporter says what it has done, the importer what came of it: where that fails for
 * another reason, such as a pin by the core, only the importer says it.
 */
static void mapped(struct own_join *join, struct entry *entry)
{
	struct attachment *attachment = entry->attachment;
	bool told = attachment && attachment->refused;

	if (attachment && entry->by_importer)
		attachment->refused = false;
	if (entry->by_importer && entry->buffer->ours && (told || !entry->raw->result))
		return;
	emit_entry(join, WATCH_MAP, entry);
}

static void call(struct own_join *join, enum watch_what what, const struct entry *entry)
{
	if (!entry->by_importer || !entry->buffer->ours)
		emit_entry(join, what, entry);
}

static void mark(struct own_join *join, const struct entry *entry)
{
	struct watch_event event = make(WATCH_MARK, entry->raw, entry->buffer,
					entry->attachment);

	event.size = entry->raw->size;
	name_mark(&join->sources->rows[entry->raw->source], entry->raw, &event);
	emit(join, &event, entry->buffer);
}

static void refused(struct own_join *join, const struct entry *entry)
{
	static const struct {
		const char *call;
		enum watch_what what;
	} calls[] = {
		{ "pin", WATCH_PIN },
		{ "map", WATCH_MAP },
		{ "vmap", WATCH_VMAP },
		{ "mmap", WATCH_MMAP },
		{ "begin_cpu_access", WATCH_CPU_BEGIN },
		{ "end_cpu_access", WATCH_CPU_END },
	};
	const char *name = entry->raw->name;
	size_t i;

	/* Its own event says it, too. */
	if (!strcmp(name, "attach"))
		return;
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(name, calls[i].call))
			break;
	if (i == sizeof(calls) / sizeof(*calls)) {
		mark(join, entry);
		return;
	}
	if (calls[i].what == WATCH_MAP && entry->attachment)
		entry->attachment->refused = true;
	emit_entry(join, calls[i].what, entry);
}

static void begin(struct own_join *join, const struct entry *entry)
{
	if (pending_begin(&join->pending, entry->raw, entry->buffer, entry->attachment))
		join->ret = -ENOMEM;
}

/* A job that never ran has no beginning. */
static void finish(struct own_join *join, enum watch_what what, const struct entry *entry)
{
	struct watch_event event = make(what, entry->raw, entry->buffer, entry->attachment);

	event.begin_ns = pending_end(&join->pending, entry->raw, entry->buffer,
				     entry->attachment);
	emit(join, &event, entry->buffer);
}

static void begin_or_finish(struct own_join *join, enum watch_what what,
			    const struct entry *entry)
{
	if (entry->raw->returns)
		finish(join, what, entry);
	else
		begin(join, entry);
}

static void add_fence(struct own_join *join, const struct entry *entry)
{
	if (pending_fence(&join->pending, entry->raw, entry->buffer, entry->attachment))
		join->ret = -ENOMEM;
}

static void fence_added(struct own_join *join, const struct entry *entry)
{
	struct watch_event event = make(WATCH_FENCE_ADD, entry->raw, entry->buffer,
					entry->attachment);

	event.usage = (int32_t)entry->raw->usage;
	add_fence(join, entry);
	emit(join, &event, entry->buffer);
}

/* On several buffers maybe. Of any driver: those that nobody of ours knows are left out. */
static void signalled(struct own_join *join, const struct raw *raw)
{
	struct own_fence *fence = pending_signal(&join->pending, raw), *next;

	for (; fence; fence = next) {
		struct watch_event event = make(WATCH_FENCE_SIGNAL, raw, fence->buffer,
						fence->attachment);

		event.context = fence->context;
		event.seqno = fence->seqno;
		event.result = fence->error;
		snprintf(event.name, sizeof(event.name), "%.30s %.32s", raw->name,
			 raw->timeline);
		emit(join, &event, fence->buffer);
		next = fence->next;
		free(fence);
	}
}

static void lost(struct own_join *join, const struct raw *raw)
{
	const struct watch_event event = {
		.what = WATCH_LOST, .time_ns = raw->time_ns, .size = raw->size,
	};
	int ret = watch_list_add(join->out, &event);

	if (ret)
		join->ret = ret;
}

static void state(struct own_join *join, const struct entry *entry)
{
	struct watch_event event = make(WATCH_STATE, entry->raw, entry->buffer, NULL);

	snprintf(event.name, sizeof(event.name), "%s",
		 state_name((uint32_t)entry->raw->state));
	emit(join, &event, entry->buffer);
}

static void fault(struct own_join *join, const struct entry *entry)
{
	struct watch_event event = make(WATCH_FAULT, entry->raw, entry->buffer, NULL);

	event.result = fault_result(entry->raw->result);
	emit(join, &event, entry->buffer);
}

static void mmapped(struct own_join *join, const struct entry *entry)
{
	struct watch_event event = make(WATCH_MMAP, entry->raw, entry->buffer, NULL);

	event.size = entry->raw->size;
	emit(join, &event, entry->buffer);
}

static void handle(struct own_join *join, struct entry *entry)
{
	switch (entry->raw->kind) {
	case RAW_ATTACH:
		attached(join, entry);
		break;
	case RAW_DETACH:
		detached(join, entry);
		break;
	case RAW_PIN:
		call(join, WATCH_PIN, entry);
		break;
	case RAW_UNPIN:
		call(join, WATCH_UNPIN, entry);
		break;
	case RAW_MAP:
		mapped(join, entry);
		break;
	case RAW_UNMAP:
		call(join, WATCH_UNMAP, entry);
		break;
	case RAW_VMAP:
		call(join, WATCH_VMAP, entry);
		break;
	case RAW_VUNMAP:
		call(join, WATCH_VUNMAP, entry);
		break;
	case RAW_MMAP:
		mmapped(join, entry);
		break;
	case RAW_ZAP:
		call(join, WATCH_ZAP, entry);
		break;
	case RAW_INVALIDATE:
		begin_or_finish(join, WATCH_INVALIDATE, entry);
		break;
	case RAW_TOLD:
		begin_or_finish(join, WATCH_TOLD, entry);
		break;
	case RAW_FENCE_ADD:
		fence_added(join, entry);
		break;
	case RAW_OWN_FAULT:
		fault(join, entry);
		break;
	case RAW_OWN_STATE:
		state(join, entry);
		break;
	case RAW_OWN_WAIT:
		add_fence(join, entry);
		begin(join, entry);
		break;
	case RAW_OWN_WAITED:
		finish(join, WATCH_FENCE_WAIT, entry);
		break;
	case RAW_OWN_JOB:
		begin(join, entry);
		break;
	case RAW_OWN_JOB_DONE:
		pending_error(&join->pending, entry->raw);
		finish(join, WATCH_JOB, entry);
		break;
	case RAW_OWN_REFUSED:
		refused(join, entry);
		break;
	default:
		mark(join, entry);
	}
}

/* One that was never let in has no number. */
static struct attachment *find_attachment(struct own_join *join, const struct raw *raw,
					  struct buffer *buffer)
{
	struct attachment *attachment;

	if (raw->kind == RAW_ATTACH)
		return NULL;
	if (raw->kind == RAW_OWN_REFUSED && !strcmp(raw->name, "attach"))
		return NULL;
	attachment = known_attachment(&join->known, raw->attachment, buffer);
	if (attachment && *raw->device)
		snprintf(attachment->device, sizeof(attachment->device), "%s", raw->device);
	return attachment;
}

static void join_entry(struct own_join *join, const struct raw *raw)
{
	const char *system = join->sources->rows[raw->source].system;
	struct entry entry = { .raw = raw, .by_importer = !strcmp(system, OWN_IMPORTER) };

	entry.buffer = find_buffer(join, raw, !entry.by_importer);
	if (!entry.buffer)
		return;
	entry.attachment = find_attachment(join, raw, entry.buffer);
	handle(join, &entry);
}

void own_join(struct own_join *join, const struct raw *raw)
{
	switch (raw->kind) {
	case RAW_NONE:
		return;
	case RAW_LOST:
		lost(join, raw);
		break;
	case RAW_FENCE_SIGNALED:
		signalled(join, raw);
		break;
	case RAW_EXPORT:
		allocated(join, raw);
		break;
	default:
		join_entry(join, raw);
	}
	if (join->known.ret)
		join->ret = join->known.ret;
}

static enum watch_what what_of(enum raw_kind kind)
{
	return kind == RAW_INVALIDATE ? WATCH_INVALIDATE : kind == RAW_TOLD ? WATCH_TOLD :
	       kind == RAW_OWN_JOB ? WATCH_JOB : WATCH_FENCE_WAIT;
}

void own_join_unfinished(struct own_join *join, uint64_t end_ns)
{
	const struct span *span;

	for (span = join->pending.spans; span; span = span->next) {
		struct watch_event event = make(what_of(span->begins.kind), &span->begins,
						span->buffer, span->attachment);

		event.begin_ns = span->begins.time_ns;
		event.time_ns = end_ns;
		event.unfinished = true;
		emit(join, &event, span->buffer);
	}
}

void own_join_free(struct own_join *join)
{
	pending_free(&join->pending);
	index_free(&join->by_inode, NULL);
	known_free(&join->known);
}
