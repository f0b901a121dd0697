// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/record/own/pending.h"

static enum raw_kind beginning(enum raw_kind kind)
{
	return kind == RAW_OWN_WAITED ? RAW_OWN_WAIT :
	       kind == RAW_OWN_JOB_DONE ? RAW_OWN_JOB : kind;
}

/* Where it is linked, or the end. */
static struct span **find(struct pending *pending, const struct raw *raw,
			  const struct buffer *buffer)
{
	enum raw_kind kind = beginning(raw->kind);
	struct span **place, *span;

	for (place = &pending->spans; (span = *place); place = &span->next)
		if (span->begins.kind == kind && span->buffer == buffer &&
		    span->begins.attachment == raw->attachment &&
		    span->begins.context == raw->context && span->begins.seqno == raw->seqno)
			break;
	return place;
}

int pending_begin(struct pending *pending, const struct raw *raw, const struct buffer *buffer,
		  const struct attachment *attachment)
{
	struct span **place = find(pending, raw, buffer);

	if (!*place)
		*place = calloc(1, sizeof(**place));
	if (!*place)
		return -ENOMEM;
	(*place)->begins = *raw;
	(*place)->buffer = buffer;
	(*place)->attachment = attachment;
	return 0;
}

struct span pending_end(struct pending *pending, const struct raw *raw,
			const struct buffer *buffer)
{
	struct span **place = find(pending, raw, buffer), *span = *place;
	struct span ended = { 0 };

	if (!span)
		return ended;
	ended = *span;
	*place = span->next;
	free(span);
	return ended;
}

static uint64_t fence_key(const struct raw *raw)
{
	return raw->context << 32 | (uint32_t)raw->seqno;
}

const struct own_fence *pending_fence(struct pending *pending, const struct raw *raw,
				      const struct buffer *buffer,
				      const struct attachment *attachment)
{
	struct own_fence *first = index_find(&pending->fences, fence_key(raw)), *fence;

	/* Again: for another usage, or it is awaited. */
	for (fence = first; fence; fence = fence->next)
		if (fence->context == raw->context && fence->seqno == raw->seqno &&
		    fence->buffer == buffer)
			return fence;
	fence = calloc(1, sizeof(*fence));
	if (!fence)
		return NULL;
	*fence = (struct own_fence){ raw->context, raw->seqno, buffer, attachment, 0, first };
	if (!index_put(&pending->fences, fence_key(raw), fence))
		return fence;
	free(fence);
	return NULL;
}

void pending_error(struct pending *pending, const struct raw *raw)
{
	struct own_fence *fence = index_find(&pending->fences, fence_key(raw));

	for (; fence; fence = fence->next)
		if (fence->context == raw->context && fence->seqno == raw->seqno)
			fence->error = raw->result;
}

struct own_fence *pending_signal(struct pending *pending, const struct raw *raw)
{
	struct own_fence *first = index_find(&pending->fences, fence_key(raw));

	if (first)
		index_remove(&pending->fences, fence_key(raw));
	return first;
}

static void free_fences(void *value)
{
	struct own_fence *fence = value, *next;

	for (; fence; fence = next) {
		next = fence->next;
		free(fence);
	}
}

void pending_free(struct pending *pending)
{
	struct span *span;

	index_free(&pending->fences, free_fences);
	while ((span = pending->spans)) {
		pending->spans = span->next;
		free(span);
	}
}
