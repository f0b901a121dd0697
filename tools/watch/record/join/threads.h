/* SPDX-License-Identifier: GPL-2.0-only */
/* What each thread is in the midst of: calls that have not returned. */
#ifndef RECORD_THREADS_H
#define RECORD_THREADS_H

#include "watch/record/join/known.h"

#define DEEPEST	32

struct frame {
	const struct raw *enters;
	struct buffer *buffer;
	struct attachment *attachment;
	bool op;			/* the exporter's own function was called inside */
	bool guessed;			/* the attachment of a fence */
};

struct thread {
	uint32_t pid;
	unsigned int depth;
	struct frame frames[DEEPEST];
	const struct raw *contends;	/* for a lock of a buffer, or NULL */
};

struct threads {
	struct index by_pid;
};

/* NULL: out of memory. */
struct thread *threads_get(struct threads *threads, uint32_t pid);
void threads_free(struct threads *threads);

struct frame *thread_enter(struct thread *thread, const struct raw *raw);
/*
 * The frame that @raw returns from, which is valid until the next call; what is inside it has
 * missed its returns. NULL: it was entered before the recording began.
 */
struct frame *thread_return(struct thread *thread, const struct raw *raw);
/* The innermost one of that kind, or NULL. */
struct frame *thread_inside(struct thread *thread, enum raw_kind kind);

#endif
