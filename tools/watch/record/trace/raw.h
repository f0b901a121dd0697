/* SPDX-License-Identifier: GPL-2.0-only */
/* One entry of the kernel's ring buffer, with the kernel's pointers, before it is joined. */
#ifndef RECORD_RAW_H
#define RECORD_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch/event.h"

enum raw_kind {
	RAW_NONE,
	/* Calls of the core */
	RAW_EXPORT,
	RAW_RELEASE,
	RAW_ATTACH,
	RAW_DETACH,
	RAW_PIN,
	RAW_UNPIN,
	RAW_MAP,
	RAW_UNMAP,
	RAW_VMAP,
	RAW_VUNMAP,
	RAW_MMAP,
	RAW_CPU_BEGIN,
	RAW_CPU_END,
	RAW_INVALIDATE,
	RAW_SYNC,			/* @state: the ioctl, @usage: its flags */
	RAW_CLOSE,			/* its file, before RAW_RELEASE, which has no inode */
	/* Candidates: what they are, @callback or @op tells */
	RAW_TOLD,
	RAW_OP_PIN,
	RAW_OP_MAP,
	RAW_OP_UNMAP,
	/* Fences, and the resv lock */
	RAW_FENCE_ADD,
	RAW_FENCE_SIGNAL,		/* with its error, before RAW_FENCE_SIGNALED */
	RAW_FENCE_SIGNALED,		/* with its names, and half of its numbers */
	RAW_RESV_WAIT,
	RAW_FENCE_WAIT,
	RAW_LOCK,
	RAW_TRYLOCK,
	RAW_UNLOCK,
	RAW_CONTEND,
	RAW_CONTENDED,
	/* Memory */
	RAW_ZAP,
	RAW_DMA_MAP,
	RAW_DMA_UNMAP,
	RAW_DMA_FAULT,
	RAW_DESCRIPTOR,
	/* Of our modules' trace events: what no probe sees */
	RAW_OWN_CONTEXT,		/* of fences: that of an attachment */
	RAW_OWN_FAULT,
	RAW_OWN_STATE,
	RAW_OWN_WAIT,			/* for one fence */
	RAW_OWN_WAITED,
	RAW_OWN_JOB,
	RAW_OWN_JOB_DONE,
	RAW_OWN_MARK,
	/* Of trace events, where there are no probes that see more of it */
	RAW_ALONE_EXPORT,
	RAW_ALONE_ATTACH,
	RAW_ALONE_DETACH,
	RAW_ALONE_PIN,
	RAW_ALONE_UNPIN,
	RAW_ALONE_MAP,
	RAW_ALONE_UNMAP,
	RAW_ALONE_VMAP,
	RAW_ALONE_VUNMAP,
	RAW_ALONE_MMAP,
	RAW_ALONE_REFUSED,
	RAW_ALONE_TOLD,
	RAW_LOST,			/* @size entries are missing before this one */
};

struct raw {
	uint64_t time_ns;
	enum raw_kind kind;
	uint32_t pid;
	uint32_t source;		/* index of the event in struct sources */
	bool returns;
	bool interrupt;			/* of @pid is only what it interrupted */
	char comm[16];

	/* Pointers, 0: not told. */
	uint64_t dmabuf;
	uint64_t attachment;
	uint64_t resv;
	uint64_t mapping;		/* struct address_space */
	uint64_t ip;			/* of the probe */
	uint64_t importer_ops;		/* 0: static */
	uint64_t callback;		/* garbage without importer_ops */
	uint64_t op;			/* that the exporter has for this */
	uint64_t pointer;		/* returned; may be an ERR_PTR() */

	uint64_t inode;
	uint64_t size;
	uint64_t context, seqno;
	uint64_t address;
	int64_t left;			/* returned by a wait */
	uint64_t usage;
	uint64_t state;
	uint64_t importer_kind;		/* of ours */
	uint64_t flags;			/* of the call */
	uint64_t moves;			/* of the memory until it was mapped */
	uint64_t is_dynamic, revocable;	/* as an exporter has it */
	uint64_t signalled;		/* FENCE_ADD: 1: before it was added */
	int32_t result;			/* returned; FENCE_SIGNAL: the fence's error */
	char device[WATCH_NAME_LEN];
	char name[WATCH_NAME_LEN];	/* exporter; driver of the fence; call, or bug, of ours */
	char timeline[WATCH_NAME_LEN];
};

struct raws {
	struct raw *rows;
	size_t count;
	size_t room;
	uint64_t dropped;		/* did not fit into memory */
};

/* What is enabled: a kind of entry for each. */
struct source {
	char system[64];
	char event[64];
	enum raw_kind kind;
	bool returns;
	int candidate;			/* its index, or -1 */
};

struct sources {
	struct source *rows;
	size_t count;
	size_t room;
};

/* Each returns 0 or -ENOMEM. */
int raws_add(struct raws *raws, const struct raw *raw);
/* By time; those of one CPU are in order already, and stay so. */
int raws_sort(struct raws *raws);
int sources_add(struct sources *sources, const struct source *source);

#endif
