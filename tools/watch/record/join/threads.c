// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "watch/record/join/threads.h"

struct thread *threads_get(struct threads *threads, uint32_t pid)
{
	struct thread *thread = index_find(&threads->by_pid, pid);

	if (thread)
		return thread;
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->pid = pid;
	if (index_put(&threads->by_pid, pid, thread)) {
		free(thread);
		return NULL;
	}
	return thread;
}

void threads_free(struct threads *threads)
{
	index_free(&threads->by_pid, free);
}

struct frame *thread_enter(struct thread *thread, const struct raw *raw)
{
	struct frame *frame;

	/* So deep only if returns are missed: the oldest goes. */
	if (thread->depth == DEEPEST) {
		thread->depth--;
		memmove(thread->frames, thread->frames + 1,
			thread->depth * sizeof(*thread->frames));
	}
	frame = &thread->frames[thread->depth++];
	*frame = (struct frame){ .enters = raw };
	return frame;
}

/* The return's event is the next one after its entry's. */
struct frame *thread_return(struct thread *thread, const struct raw *raw)
{
	unsigned int i;

	for (i = thread->depth; i; i--) {
		struct frame *frame = &thread->frames[i - 1];

		if (frame->enters->source + 1 != raw->source)
			continue;
		thread->depth = i - 1;
		return frame;
	}
	return NULL;
}

struct frame *thread_inside(struct thread *thread, enum raw_kind kind)
{
	unsigned int i;

	for (i = thread->depth; i; i--)
		if (thread->frames[i - 1].enters->kind == kind)
			return &thread->frames[i - 1];
	return NULL;
}
