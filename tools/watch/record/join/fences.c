// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/record/join/fences.h"

/* Of one context on one buffer. */
struct owner {
	struct buffer *buffer;
	struct attachment *attachment;
	bool guessed;
	struct owner *next;
};

struct context {
	struct fence *fences;
	struct owner *owners;
};

static uint64_t mapping_key(uint32_t pid, const struct buffer *buffer)
{
	return buffer->number << 32 | pid;
}

void fences_mapped(struct fences *fences, uint32_t pid, struct attachment *attachment)
{
	index_put(&fences->mapped_last, mapping_key(pid, attachment->buffer), attachment);
}

static struct context *find(const struct fences *fences, uint64_t context)
{
	return index_find(&fences->by_context, (uint32_t)context);
}

static struct context *get(struct fences *fences, uint64_t number)
{
	struct context *context = find(fences, number);

	if (context)
		return context;
	context = calloc(1, sizeof(*context));
	if (context && index_put(&fences->by_context, (uint32_t)number, context)) {
		free(context);
		return NULL;
	}
	return context;
}

static struct owner *new_owner(struct context *context, struct buffer *buffer,
			       struct attachment *attachment, bool guessed)
{
	struct owner *owner = calloc(1, sizeof(*owner));

	if (!owner)
		return NULL;
	*owner = (struct owner){ buffer, attachment, guessed, context->owners };
	context->owners = owner;
	return owner;
}

int fences_own(struct fences *fences, uint64_t number, struct attachment *attachment)
{
	struct context *context = get(fences, number);

	return context && new_owner(context, attachment->buffer, attachment, false) ?
	       0 : -ENOMEM;
}

/* The guess of the first fence holds for the rest. NULL: out of memory. */
static const struct owner *find_owner(struct fences *fences, struct context *context,
				      uint32_t pid, struct buffer *buffer)
{
	struct attachment *last = index_find(&fences->mapped_last, mapping_key(pid, buffer));
	struct owner *owner;

	for (owner = context->owners; owner; owner = owner->next)
		if (owner->buffer == buffer)
			return owner;
	return new_owner(context, buffer, last, last);
}

static int keep(struct context *context, const struct fence *fence)
{
	struct fence *kept = malloc(sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	*kept = *fence;
	kept->next = context->fences;
	context->fences = kept;
	return 0;
}

int fences_add(struct fences *fences, const struct raw *raw, struct buffer *buffer,
	       struct fence *fence)
{
	struct context *context = get(fences, raw->context);
	const struct owner *owner = context ?
				    find_owner(fences, context, raw->pid, buffer) : NULL;
	const struct fence *there;

	if (!owner)
		return -ENOMEM;
	*fence = (struct fence){
		.context = raw->context,
		.seqno = raw->seqno,
		.buffer = buffer,
		.attachment = owner->attachment,
		.guessed = owner->guessed,
	};
	/* Again, such as for another usage. */
	for (there = context->fences; there; there = there->next)
		if (there->seqno == raw->seqno && there->buffer == buffer)
			return 0;
	return raw->signalled ? 0 : keep(context, fence);
}

static bool is_it(const struct fence *fence, uint64_t seqno)
{
	return (uint32_t)fence->seqno == (uint32_t)seqno;
}

const struct fence *fences_find(const struct fences *fences, uint64_t number, uint64_t seqno)
{
	const struct context *context = find(fences, number);
	const struct fence *fence = context ? context->fences : NULL;

	while (fence && !is_it(fence, seqno))
		fence = fence->next;
	return fence;
}

void fences_error(struct fences *fences, const struct raw *raw)
{
	struct context *context = find(fences, raw->context);
	struct fence *fence;

	for (fence = context ? context->fences : NULL; fence; fence = fence->next)
		if (is_it(fence, raw->seqno))
			fence->error = raw->result;
}

bool fences_signal(struct fences *fences, uint64_t number, uint64_t seqno,
		   struct fence *signalled)
{
	struct context *context = find(fences, number);
	struct fence **place, *fence;

	if (!context)
		return false;
	for (place = &context->fences; *place; place = &(*place)->next) {
		fence = *place;
		if (!is_it(fence, seqno))
			continue;
		*signalled = *fence;
		*place = fence->next;
		free(fence);
		return true;
	}
	return false;
}

static void free_context(void *value)
{
	struct context *context = value;
	struct fence *fence;
	struct owner *owner;

	while ((fence = context->fences)) {
		context->fences = fence->next;
		free(fence);
	}
	while ((owner = context->owners)) {
		context->owners = owner->next;
		free(owner);
	}
	free(context);
}

void fences_free(struct fences *fences)
{
	index_free(&fences->by_context, free_context);
	index_free(&fences->mapped_last, NULL);
}
