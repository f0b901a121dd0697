/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording as rows: who takes part, and what each did from when to when. Every view,
 * text, picture or file, is made of this.
 */
#ifndef TIMELINE_MODEL_H
#define TIMELINE_MODEL_H

#include <stdbool.h>

#include "watch/list.h"

/* In the order in which the rows of a buffer come. */
enum row_kind {
	ROW_RECORDING,		/* what was lost; of no buffer, not even 0 */
	ROW_EXPORTER,
	ROW_LOCK,		/* the buffer's dma_resv */
	ROW_IMPORTER,		/* one attachment */
	ROW_FENCES,		/* of one context */
	ROW_CPU,		/* its mappings and accesses */
	ROW_DEVICE,		/* one that the IOMMU refused an access */
};

/* In the order in which the lanes of a row come. */
enum mark_kind {
	MARK_LIFE,		/* from export to release, from attach to detach */
	/* These have no length, and lie on the lane of MARK_LIFE. */
	MARK_REFUSED,		/* a call that failed, with @result */
	MARK_SIGBUS,
	MARK_FAULT,		/* of a CPU mapping, that was served */
	MARK_MMAP,
	MARK_ZAP,
	MARK_DMA_FAULT,
	MARK_NOTE,
	MARK_LOST,
	/* These have. */
	MARK_STATE,
	MARK_INVALIDATE,
	MARK_WAIT,		/* for fences */
	MARK_HELD,
	MARK_CONTENDED,
	MARK_PINNED,
	MARK_MAPPED,
	MARK_JOB,
	MARK_TOLD,		/* the callback */
	MARK_FENCE,		/* from when it was added until it signalled */
	MARK_ACCESS,		/* by the CPU */
	MARK_VMAPPED,
	MARK_KINDS,
};

struct mark {
	enum mark_kind kind;
	uint32_t row;
	uint32_t next;			/* while it is open: the next one */
	uint16_t lane;			/* of its row, or LANE_NONE */
	uint8_t no_begin;		/* it began before the recording, or nobody saw it */
	uint8_t no_end;			/* nobody saw its end */
	uint8_t cut;			/* by @ended, which ends something else */
	uint64_t begin_ns;
	uint64_t end_ns;
	const struct watch_event *event;	/* that began it; without one: that ended it */
	const struct watch_event *ended;	/* that ended it, or NULL */
};

/* So many things of one kind at a time are drawn; more are in the summary only. */
#define LANES_OF_KIND	8
#define LANE_NONE	UINT16_MAX
#define ROW_LANES	64
#define LABEL_LEN	160

struct row {
	enum row_kind kind;
	uint64_t buffer;
	uint64_t number;		/* of the attachment, or the context */
	const struct watch_event *began;	/* EXPORT, THERE or ATTACH, or NULL */
	bool has_life;
	bool was_pinned;
	bool guessed;			/* FENCES: @owner is a guess */
	uint64_t owner;			/* FENCES: the attachment they belong to, or 0 */
	char name[2 * WATCH_NAME_LEN];	/* of exporter, device or fence; clean */
	size_t first;			/* its marks */
	size_t count;
	uint64_t crowded;		/* marks without a lane */
	unsigned int lanes;
	uint8_t lane_kind[ROW_LANES];	/* enum mark_kind */
};

struct dmabuf {
	uint64_t number;		/* 0: of events that belong to none */
	size_t first;			/* its rows */
	size_t count;
	const struct watch_event *began;	/* EXPORT or THERE, or NULL */
	uint64_t from_ns;
	uint64_t to_ns;
	uint64_t invalidations;
};

struct timeline {
	uint64_t from_ns;
	uint64_t to_ns;
	uint64_t lost;			/* events */
	uint64_t lost_times;
	uint64_t strangers;		/* events of no known buffer; they are in no row */
	struct dmabuf *dmabufs;		/* by number; 0 is the last one */
	size_t dmabuf_count;
	struct row *rows;		/* by buffer, kind, number; that of RECORDING first */
	size_t row_count;
	size_t row_room;
	struct mark *marks;		/* by row, lane, begin */
	size_t mark_count;
	size_t mark_room;
};

/* @list is in order, and outlives the timeline. Returns 0 or -ENOMEM. */
int timeline_build(struct timeline *timeline, const struct watch_list *list);
void timeline_free(struct timeline *timeline);

static inline bool mark_is_point(enum mark_kind kind)
{
	return kind > MARK_LIFE && kind < MARK_STATE;
}

#endif
