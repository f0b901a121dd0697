/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From entries of the ring buffer to events: begins and ends are joined, pointers become
 * numbers. What each kind of entry means is in the files beside this one.
 */
#ifndef RECORD_STREAM_H
#define RECORD_STREAM_H

#include "watch/list.h"
#include "watch/record/chosen.h"
#include "watch/record/join/fences.h"
#include "watch/record/join/known.h"
#include "watch/record/join/threads.h"
#include "watch/record/kernel/symbols.h"

struct stream {
	struct known known;
	struct threads threads;
	struct fences fences;
	struct index locks;		/* by address: struct hold of those that are held */
	struct index begun;		/* by fence: what of ours has begun and not ended */
	bool over;			/* what goes on is told now */
	const struct sources *sources;
	const struct chosen *chosen;
	const struct symbol *symbols;	/* of callbacks */
	size_t symbol_count;
	struct watch_list *out;
	int ret;			/* a negative errno, if ever */
};

/* An event with what @raw and both tell, which may be NULL. */
struct watch_event stream_event(const struct stream *stream, enum watch_what what,
				const struct raw *raw, const struct buffer *buffer,
				const struct attachment *attachment);
/* Unless it is of a buffer that was not chosen. */
void stream_emit(struct stream *stream, const struct watch_event *event,
		 const struct buffer *buffer);

/* Of whose dma-buf, resv or mapping @raw is; one not seen before is said to be there. */
struct buffer *stream_buffer(struct stream *stream, const struct raw *raw);
/* Whether that thread holds the resv lock of @buffer, as far as is known. */
bool stream_holds(const struct stream *stream, const struct buffer *buffer, uint32_t pid);
/* 0, or what an ERR_PTR() says. */
int32_t pointer_result(uint64_t pointer);
/* Of a CPU's fault. */
int32_t fault_result(int32_t reasons);
/* What an event of ours without a row of its own is called. */
void name_mark(const struct source *source, const struct raw *raw, struct watch_event *event);

/* Locks that are held, and what of ours has begun. */
void stream_held(struct stream *stream, uint64_t end_ns);
void stream_begun(struct stream *stream, uint64_t end_ns);

/* Each has its kinds of entries; @thread is that of @raw. */
void stream_call(struct stream *stream, struct thread *thread, const struct raw *raw);
void stream_candidate(struct stream *stream, struct thread *thread, const struct raw *raw);
void stream_lock(struct stream *stream, struct thread *thread, const struct raw *raw);
void stream_fence(struct stream *stream, struct thread *thread, const struct raw *raw);
void stream_memory(struct stream *stream, struct thread *thread, const struct raw *raw);

void stream_own(struct stream *stream, const struct raw *raw);
void stream_alone(struct stream *stream, struct thread *thread, const struct raw *raw);

/* All of @raws, which are sorted; what has not ended then went on at @end_ns. */
void stream_run(struct stream *stream, const struct raws *raws, uint64_t end_ns);
void stream_free(struct stream *stream);

#endif
