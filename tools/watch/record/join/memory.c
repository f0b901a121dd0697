// SPDX-License-Identifier: GPL-2.0-only
/* What happens to memory and descriptors. */
#include <stdio.h>
#include <string.h>

#include "watch/record/join/stream.h"

static void mark(struct stream *stream, const struct raw *raw, const struct buffer *buffer,
		 const struct attachment *attachment)
{
	struct watch_event event = stream_event(stream, WATCH_MARK, raw, buffer, attachment);

	snprintf(event.name, sizeof(event.name), "%s",
		 stream->sources->rows[raw->source].event);
	if (*raw->device)
		memcpy(event.device, raw->device, sizeof(event.device));
	stream_emit(stream, &event, buffer);
}

/* Only what is done for a buffer: devices map much else, also from interrupts. */
static void dma(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	unsigned int i;

	if (raw->interrupt)
		return;
	for (i = thread->depth; i; i--) {
		const struct frame *frame = &thread->frames[i - 1];

		if (!frame->buffer)
			continue;
		mark(stream, raw, frame->buffer, frame->attachment);
		return;
	}
}

static void dma_fault(struct stream *stream, const struct raw *raw)
{
	struct watch_event event = stream_event(stream, WATCH_DMA_FAULT, raw, NULL, NULL);

	memcpy(event.device, raw->device, sizeof(event.device));
	event.address = raw->address;
	stream_emit(stream, &event, NULL);
}

static void zap(struct stream *stream, const struct raw *raw)
{
	struct buffer *buffer = stream_buffer(stream, raw);
	struct watch_event event;

	if (!buffer)
		return;
	event = stream_event(stream, WATCH_ZAP, raw, buffer, NULL);
	stream_emit(stream, &event, buffer);
}

static void descriptor(struct stream *stream, const struct raw *raw)
{
	const struct buffer *buffer = known_inode(&stream->known, raw->inode);

	if (buffer)
		mark(stream, raw, buffer, NULL);
}

void stream_memory(struct stream *stream, struct thread *thread, const struct raw *raw)
{
	switch (raw->kind) {
	case RAW_ZAP:
		zap(stream, raw);
		break;
	case RAW_DMA_MAP:
	case RAW_DMA_UNMAP:
		dma(stream, thread, raw);
		break;
	case RAW_DMA_FAULT:
		dma_fault(stream, raw);
		break;
	case RAW_DESCRIPTOR:
		descriptor(stream, raw);
		break;
	default:
		break;
	}
}
