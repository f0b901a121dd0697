// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "watch/record/join/known.h"

static void put(struct known *known, struct index *index, uint64_t key, void *value)
{
	if (key && index_put(index, key, value))
		known->ret = -ENOMEM;
}

static void drop(struct index *index, uint64_t key, const void *value)
{
	if (key && index_find(index, key) == value)
		index_remove(index, key);
}

static struct buffer *new_buffer(struct known *known)
{
	struct buffer *buffer = calloc(1, sizeof(*buffer));

	if (!buffer) {
		known->ret = -ENOMEM;
		return NULL;
	}
	buffer->number = ++known->buffer_count;
	buffer->next = known->buffers;
	known->buffers = buffer;
	return buffer;
}

/* What @raw tells that was not known of it. */
static void learn(struct known *known, struct buffer *buffer, const struct raw *raw)
{
	if (raw->dmabuf && buffer->pointer != raw->dmabuf) {
		buffer->pointer = raw->dmabuf;
		put(known, &known->by_dmabuf, raw->dmabuf, buffer);
	}
	/* Dma-bufs may share one; it is the last one's that did something. */
	if (raw->resv && (buffer->resv != raw->resv ||
			  index_find(&known->by_resv, raw->resv) != buffer)) {
		buffer->resv = raw->resv;
		put(known, &known->by_resv, raw->resv, buffer);
	}
	if (raw->mapping && !buffer->mapping) {
		buffer->mapping = raw->mapping;
		put(known, &known->by_mapping, raw->mapping, buffer);
	}
	if (raw->inode)
		buffer->inode = raw->inode;
	if (raw->size)
		buffer->size = raw->size;
	if (*raw->name)
		snprintf(buffer->name, sizeof(buffer->name), "%s", raw->name);
}

/* One that is known by its inode only. */
static struct buffer *find_there(const struct known *known, uint64_t inode)
{
	struct buffer *buffer;

	for (buffer = known->buffers; buffer && inode; buffer = buffer->next)
		if (buffer->there && !buffer->pointer && buffer->inode == inode)
			return buffer;
	return NULL;
}

static struct buffer *find_dmabuf(const struct known *known, const struct raw *raw)
{
	struct buffer *buffer = index_find(&known->by_dmabuf, raw->dmabuf);

	/* Another life, whose beginning was lost. */
	if (buffer && raw->inode && buffer->inode && raw->inode != buffer->inode)
		return NULL;
	return buffer;
}

struct buffer *known_inode(const struct known *known, uint64_t inode)
{
	struct buffer *buffer = known->buffers;

	while (buffer && (buffer->released || buffer->inode != inode))
		buffer = buffer->next;
	return inode ? buffer : NULL;
}

static struct buffer *find_buffer(const struct known *known, const struct raw *raw)
{
	struct buffer *buffer;

	if (!raw->dmabuf)
		return known_inode(known, raw->inode);
	buffer = find_dmabuf(known, raw);
	return buffer ? buffer : find_there(known, raw->inode);
}

struct buffer *known_buffer(struct known *known, const struct raw *raw, bool *fresh)
{
	struct buffer *buffer;

	*fresh = false;
	/* Trace events know a buffer by its inode only. */
	if (!raw->dmabuf && !raw->inode)
		return raw->resv ? index_find(&known->by_resv, raw->resv) :
		       raw->mapping ? index_find(&known->by_mapping, raw->mapping) : NULL;
	buffer = find_buffer(known, raw);
	if (!buffer) {
		buffer = new_buffer(known);
		if (!buffer)
			return NULL;
		buffer->there = true;
		*fresh = true;
	}
	learn(known, buffer, raw);
	return buffer;
}

struct buffer *known_export(struct known *known, const struct raw *raw)
{
	struct buffer *buffer = new_buffer(known);

	if (!buffer)
		return NULL;
	learn(known, buffer, raw);
	return buffer;
}

struct buffer *known_there(struct known *known, uint64_t inode, uint64_t size,
			   const char *name)
{
	struct buffer *buffer = new_buffer(known);

	if (!buffer)
		return NULL;
	buffer->there = true;
	buffer->inode = inode;
	buffer->size = size;
	snprintf(buffer->name, sizeof(buffer->name), "%s", name);
	return buffer;
}

void known_close(struct known *known, const struct raw *raw)
{
	struct buffer *buffer = find_dmabuf(known, raw);

	if (!buffer)
		buffer = find_there(known, raw->inode);
	if (buffer)
		learn(known, buffer, raw);
}

void known_release(struct known *known, struct buffer *buffer)
{
	buffer->released = true;
	drop(&known->by_dmabuf, buffer->pointer, buffer);
	drop(&known->by_resv, buffer->resv, buffer);
	drop(&known->by_mapping, buffer->mapping, buffer);
}

static struct attachment *new_attachment(struct known *known, uint64_t pointer,
					 struct buffer *buffer)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));

	if (!attachment) {
		known->ret = -ENOMEM;
		return NULL;
	}
	attachment->number = ++known->attachment_count;
	attachment->pointer = pointer;
	attachment->buffer = buffer;
	attachment->next = known->attachments;
	known->attachments = attachment;
	put(known, &known->by_attachment, pointer, attachment);
	return attachment;
}

struct attachment *known_attachment(struct known *known, uint64_t pointer,
				    struct buffer *buffer)
{
	struct attachment *attachment;

	if (!pointer)
		return NULL;
	attachment = index_find(&known->by_attachment, pointer);
	/* Of another buffer: another life, whose beginning was lost. */
	if (attachment && (!buffer || attachment->buffer == buffer))
		return attachment;
	return new_attachment(known, pointer, buffer);
}

struct attachment *known_attach(struct known *known, uint64_t pointer, struct buffer *buffer)
{
	struct attachment *attachment = index_find(&known->by_attachment, pointer);

	/* It was mapped before the attach returned. */
	if (!attachment || attachment->announced || attachment->buffer != buffer)
		attachment = new_attachment(known, pointer, buffer);
	if (attachment)
		attachment->announced = true;
	return attachment;
}

void known_detach(struct known *known, struct attachment *attachment)
{
	drop(&known->by_attachment, attachment->pointer, attachment);
}

void known_free(struct known *known)
{
	struct buffer *buffer;
	struct attachment *attachment;

	index_free(&known->by_dmabuf, NULL);
	index_free(&known->by_resv, NULL);
	index_free(&known->by_mapping, NULL);
	index_free(&known->by_attachment, NULL);
	while ((buffer = known->buffers)) {
		known->buffers = buffer->next;
		free(buffer);
	}
	while ((attachment = known->attachments)) {
		known->attachments = attachment->next;
		free(attachment);
	}
}
