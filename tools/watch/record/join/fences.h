/* SPDX-License-Identifier: GPL-2.0-only */
/* Fences on known buffers that have not signalled, and whose they may be. */
#ifndef RECORD_FENCES_H
#define RECORD_FENCES_H

#include "watch/record/join/known.h"

struct fence {
	uint64_t context, seqno;
	struct buffer *buffer;
	struct attachment *attachment;	/* whose it may be, or NULL */
	bool guessed;			/* that */
	int32_t error;			/* it is about to signal with */
	struct fence *next;
};

/*
 * No kernel says which attachment a fence belongs to. A context is given to the one that the
 * thread which adds its first fence has mapped last, of that buffer.
 */
struct fences {
	struct index by_context;	/* lower half of it: a trace event has no more */
	struct index mapped_last;	/* by thread and buffer */
};

/* It is that of @attachment: its driver says so. Returns 0 or -ENOMEM. */
int fences_own(struct fences *fences, uint64_t context, struct attachment *attachment);
void fences_mapped(struct fences *fences, uint32_t pid, struct attachment *attachment);

/* *@fence is what is known of it; one that had signalled is not kept. Returns 0 or -ENOMEM. */
int fences_add(struct fences *fences, const struct raw *raw, struct buffer *buffer,
	       struct fence *fence);
/* The first one with these numbers, of which only the lower halves count; or NULL. */
const struct fence *fences_find(const struct fences *fences, uint64_t context,
				uint64_t seqno);
/* Before it signals, maybe on another CPU than others do. */
void fences_error(struct fences *fences, const struct raw *raw);
/* Take it off; *@fence is what it was. False: there is none. */
bool fences_signal(struct fences *fences, uint64_t context, uint64_t seqno,
		   struct fence *fence);
void fences_free(struct fences *fences);

#endif
