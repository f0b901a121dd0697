/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dma-bufs and attachments, numbered: the kernel's pointers are reused at once, so a number
 * stands for one life of one.
 */
#ifndef RECORD_KNOWN_H
#define RECORD_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "watch/record/join/index.h"
#include "watch/record/trace/raw.h"

struct buffer {
	uint64_t number;
	uint64_t pointer, resv, mapping;	/* 0: not known */
	uint64_t inode, size;
	char name[WATCH_NAME_LEN];	/* of the exporter; "": not known */
	bool there;			/* before the recording began */
	bool op_seen;			/* its exporter's map is probed */
	bool ours;			/* its exporter tells itself what it does */
	bool released;
	struct buffer *next;		/* older */
};

struct attachment {
	uint64_t number;
	uint64_t pointer;
	struct buffer *buffer;
	uint64_t callback;		/* address, or 0 */
	char device[WATCH_NAME_LEN];
	bool announced;			/* its attach was seen */
	bool refused;			/* the exporter has told of its last map */
	bool detached;			/* its importer has told so */
	bool cached;			/* what it has mapped, the core had kept */
	struct attachment *next;
};

/* Things live until known_free(), for whoever refers to them; the indices have those alive. */
struct known {
	struct buffer *buffers;		/* the newest first */
	struct attachment *attachments;
	uint64_t buffer_count, attachment_count;
	struct index by_dmabuf, by_resv, by_mapping, by_attachment;
	int ret;			/* -ENOMEM, if ever */
};

/*
 * Whose dma-buf @raw is; it is made if nobody knows it, then @fresh is set. NULL: of none.
 */
struct buffer *known_buffer(struct known *known, const struct raw *raw, bool *fresh);
/* A new one, whatever was at that pointer. */
struct buffer *known_export(struct known *known, const struct raw *raw);
/* One that was there, of which no pointer is known yet. */
struct buffer *known_there(struct known *known, uint64_t inode, uint64_t size,
			   const char *name);
/* The youngest one that is alive, or NULL. */
struct buffer *known_inode(const struct known *known, uint64_t inode);
/* Of one that was there it tells the pointer. */
void known_close(struct known *known, const struct raw *raw);
void known_release(struct known *known, struct buffer *buffer);

struct attachment *known_attachment(struct known *known, uint64_t pointer,
				    struct buffer *buffer);
/* Of an attach that was seen; another one than what was at that pointer. */
struct attachment *known_attach(struct known *known, uint64_t pointer,
				struct buffer *buffer);
void known_detach(struct known *known, struct attachment *attachment);

void known_free(struct known *known);

#endif
