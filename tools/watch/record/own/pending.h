/* SPDX-License-Identifier: GPL-2.0-only */
/* What has begun and not ended, and fences that have not signalled. */
#ifndef OWN_PENDING_H
#define OWN_PENDING_H

#include "watch/record/join/known.h"

/* A wait, a job, an invalidation, a callback. */
struct span {
	struct raw begins;
	const struct buffer *buffer;
	const struct attachment *attachment;	/* or NULL */
	struct span *next;
};

struct own_fence {
	uint64_t context, seqno;
	const struct buffer *buffer;
	const struct attachment *attachment;	/* who has added it; NULL: not known */
	int32_t error;
	struct own_fence *next;
};

struct pending {
	struct span *spans;
	struct index fences;		/* by the lower halves of both numbers: a list of them */
};

/* Returns 0 or -ENOMEM. What begins again has not been seen to end: it is replaced. */
int pending_begin(struct pending *pending, const struct raw *raw, const struct buffer *buffer,
		  const struct attachment *attachment);
/* What it was, taken off; all 0: its beginning was not seen. */
struct span pending_end(struct pending *pending, const struct raw *raw,
			const struct buffer *buffer);

/* The one that is there already, or a new one of @attachment. NULL: out of memory. */
const struct own_fence *pending_fence(struct pending *pending, const struct raw *raw,
				      const struct buffer *buffer,
				      const struct attachment *attachment);
/* What the fence is about to signal. */
void pending_error(struct pending *pending, const struct raw *raw);
/* All of these numbers, of which only the lower halves count; the caller frees each. */
struct own_fence *pending_signal(struct pending *pending, const struct raw *raw);

void pending_free(struct pending *pending);

#endif
