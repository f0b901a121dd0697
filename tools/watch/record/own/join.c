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
		.size = raw->size,
		.context = raw->context,
		.seqno = raw->seqno,
		.moves = raw->moves,
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

static struct watch_event make_entry(enum watch_what what, const struct entry *entry)
{
	return make(what, entry->raw, entry->buffer, entry->attachment);
}

static void emit_entry(struct own_join *join, enum watch_what what, const struct entry *entry)
{
	struct watch_event event = make_entry(what, entry);

	emit(join, &event, entry->buffer);
}

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

	snprintf(named.name, sizeof(named.name), "%s",
		 raw->flags & DMABUF_REVOKE_ALLOC_QUARANTINE ?
		 DMABUF_REVOKE_EXP_NAME_QUARANTINE : DMABUF_REVOKE_EXP_NAME);
	buffer = known_export(&join->known, &named);
	put_inode(join, buffer);
	if (!buffer)
		return;
	buffer->ours = true;
	emit_buffer(join, WATCH_EXPORT, raw, buffer);
}

/* One that was made before: its exporter may be found in a list, or in what it says. */
static struct buffer *new_buffer(struct own_join *join, const struct raw *raw, bool ours)
{
	const struct raw first = { .time_ns = raw->time_ns };
	const struct descriptor *there = join->there;
	struct buffer *buffer;

	while (there < join->there + join->there_count && there->inode != raw->inode)
		there++;
	if (there < join->there + join->there_count)
		buffer = known_there(&join->known, raw->inode, there->size, there->exporter);
	else
		buffer = known_there(&join->known, raw->inode, 0,
				     ours ? DMABUF_REVOKE_EXP_NAME : "");
	put_inode(join, buffer);
	if (buffer)
		emit_buffer(join, WATCH_THERE, &first, buffer);
	return buffer;
}

/* NULL: out of memory. */
static struct buffer *find_buffer(struct own_join *join, const struct raw *raw, bool ours)
{
	struct buffer *buffer = index_find(&join->by_inode, raw->inode);

	if (!buffer)
		buffer = new_buffer(join, raw, ours);
	if (!buffer || !ours)
		return buffer;
	buffer->ours = true;
	if (!*buffer->name)
		snprintf(buffer->name, sizeof(buffer->name), DMABUF_REVOKE_EXP_NAME);
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
static void attached(struct own_join *join, enum watch_what what, struct entry *entry)
{
	const struct raw *raw = entry->raw;
	struct watch_event event;

	if (entry->by_importer && entry->buffer->ours)
		return;
	if (!raw->result)
		entry->attachment = known_attach(&join->known, raw->attachment, entry->buffer);
	event = make(what, raw, entry->buffer, entry->attachment);
	event.context = 0;
	snprintf(event.name, sizeof(event.name), "%s",
		 entry->by_importer ? kind_name(raw->importer_kind) :
		 raw->revocable ? "revocable" : raw->is_dynamic ? "dynamic" : "");
	emit(join, &event, entry->buffer);
}

/* The importer says so before it does, so that of a buffer not known yet both may be heard. */
static void detached(struct own_join *join, enum watch_what what, struct entry *entry)
{
	struct attachment *attachment = entry->attachment;

	if (entry->by_importer && entry->buffer->ours)
		return;
	if (!attachment || !attachment->detached)
		emit_entry(join, what, entry);
	if (!attachment)
		return;
	/* Its pointer is left, for the exporter's word; whoever attaches there next is another. */
	attachment->announced = true;
	attachment->detached = true;
	if (!entry->by_importer)
		known_detach(&join->known, attachment);
}

/*
 * The exporter says what it has done, the importer what came of it: where that fails for
 * another reason, such as a pin by the core, only the importer says it.
 */
static void mapped(struct own_join *join, enum watch_what what, struct entry *entry)
{
	struct attachment *attachment = entry->attachment;
	bool told = attachment && attachment->refused;

	if (attachment && entry->by_importer)
		attachment->refused = false;
	if (entry->by_importer && entry->buffer->ours && (told || !entry->raw->result))
		return;
	emit_entry(join, what, entry);
}

static void called(struct own_join *join, enum watch_what what, struct entry *entry)
{
	if (!entry->by_importer || !entry->buffer->ours)
		emit_entry(join, what, entry);
}

static void marked(struct own_join *join, enum watch_what what, struct entry *entry)
{
	struct watch_event event = make_entry(what, entry);

	name_mark(&join->sources->rows[entry->raw->source], entry->raw, &event);
	emit(join, &event, entry->buffer);
}

static void refused(struct own_join *join, enum watch_what what, struct entry *entry)
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
		marked(join, what, entry);
		return;
	}
	if (calls[i].what == WATCH_MAP && entry->attachment)
		entry->attachment->refused = true;
	emit_entry(join, calls[i].what, entry);
}

static void begun(struct own_join *join, enum watch_what what, struct entry *entry)
{
	(void)what;
	if (pending_begin(&join->pending, entry->raw, entry->buffer, entry->attachment))
		join->ret = -ENOMEM;
}

/* A job that never ran has no beginning. */
static void ended(struct own_join *join, enum watch_what what, struct entry *entry)
{
	const struct span span = pending_end(&join->pending, entry->raw, entry->buffer);
	struct watch_event event = make(what, entry->raw, entry->buffer,
					span.attachment ? span.attachment : entry->attachment);

	event.begin_ns = span.begins.time_ns;
	emit(join, &event, entry->buffer);
}

static void begun_or_ended(struct own_join *join, enum watch_what what, struct entry *entry)
{
	if (entry->raw->returns)
		ended(join, what, entry);
	else
		begun(join, what, entry);
}

/* Its fence signals next, with what it ended with. */
static void job_ended(struct own_join *join, enum watch_what what, struct entry *entry)
{
	pending_error(&join->pending, entry->raw);
	ended(join, what, entry);
}

/* Whose fence it is, whoever has added it has told. */
static void awaited(struct own_join *join, enum watch_what what, struct entry *entry)
{
	const struct own_fence *fence = pending_fence(&join->pending, entry->raw,
						      entry->buffer, NULL);

	(void)what;
	if (!fence || pending_begin(&join->pending, entry->raw, entry->buffer,
				    fence->attachment))
		join->ret = -ENOMEM;
}

static void fence_added(struct own_join *join, enum watch_what what, struct entry *entry)
{
	struct watch_event event = make_entry(what, entry);

	event.usage = (int32_t)entry->raw->usage;
	if (!pending_fence(&join->pending, entry->raw, entry->buffer, entry->attachment))
		join->ret = -ENOMEM;
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

static void changed(struct own_join *join, enum watch_what what, struct entry *entry)
{
	struct watch_event event = make_entry(what, entry);

	snprintf(event.name, sizeof(event.name), "%s",
		 state_name((uint32_t)entry->raw->state));
	emit(join, &event, entry->buffer);
}

static void faulted(struct own_join *join, enum watch_what what, struct entry *entry)
{
	struct watch_event event = make_entry(what, entry);

	event.result = fault_result(entry->raw->result);
	emit(join, &event, entry->buffer);
}

/* What else there is has no row of its own, nor do events of later versions. */
static const struct {
	void (*act)(struct own_join *join, enum watch_what what, struct entry *entry);
	enum watch_what what;
} acts[] = {
	[RAW_ATTACH] = { attached, WATCH_ATTACH },
	[RAW_DETACH] = { detached, WATCH_DETACH },
	[RAW_PIN] = { called, WATCH_PIN },
	[RAW_UNPIN] = { called, WATCH_UNPIN },
	[RAW_MAP] = { mapped, WATCH_MAP },
	[RAW_UNMAP] = { called, WATCH_UNMAP },
	[RAW_VMAP] = { called, WATCH_VMAP },
	[RAW_VUNMAP] = { called, WATCH_VUNMAP },
	[RAW_MMAP] = { called, WATCH_MMAP },
	[RAW_INVALIDATE] = { begun_or_ended, WATCH_INVALIDATE },
	[RAW_TOLD] = { begun_or_ended, WATCH_TOLD },
	[RAW_FENCE_ADD] = { fence_added, WATCH_FENCE_ADD },
	[RAW_ZAP] = { called, WATCH_ZAP },
	[RAW_OWN_FAULT] = { faulted, WATCH_FAULT },
	[RAW_OWN_STATE] = { changed, WATCH_STATE },
	[RAW_OWN_WAIT] = { awaited, WATCH_FENCE_WAIT },
	[RAW_OWN_WAITED] = { ended, WATCH_FENCE_WAIT },
	[RAW_OWN_JOB] = { begun, WATCH_JOB },
	[RAW_OWN_JOB_DONE] = { job_ended, WATCH_JOB },
	[RAW_OWN_MARK] = { marked, WATCH_MARK },
	[RAW_ALONE_REFUSED] = { refused, WATCH_MARK },
};

/* One that was never let in has no number. */
static struct attachment *find_attachment(struct own_join *join, const struct raw *raw,
					  struct buffer *buffer)
{
	struct attachment *attachment;

	if (raw->kind == RAW_ATTACH)
		return NULL;
	if (raw->kind == RAW_ALONE_REFUSED && !strcmp(raw->name, "attach"))
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
	acts[raw->kind].act(join, acts[raw->kind].what, &entry);
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

void own_join_unfinished(struct own_join *join, uint64_t end_ns)
{
	const struct span *span;

	for (span = join->pending.spans; span; span = span->next) {
		struct watch_event event = make(acts[span->begins.kind].what, &span->begins,
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
