/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an errno means, and what to do about it: of each thing that the command does,
 * whoever exported the dma-buf, however it is imported.
 */
#ifndef CAUSES_H
#define CAUSES_H

#include <stdint.h>

enum act {
	ACT_OTHER,		/* no call of our devices */
	ACT_OPEN_EXPORTER,
	ACT_OPEN_IMPORTER,
	ACT_FETCH,		/* a descriptor of another process */
	ACT_RUN,		/* a program */
	ACT_INFO,
	ACT_ALLOC,
	ACT_LIST,
	ACT_QUERY,		/* by id */
	ACT_QUERY_FD,
	ACT_BLOCKERS,
	ACT_EXPORT,
	ACT_REVOKE,
	ACT_SUSPEND,
	ACT_RESTORE,
	ACT_MOVE,
	ACT_RESHAPE,		/* moved to memory of another shape */
	ACT_FREE,
	ACT_FAULTS,
	ACT_ATTACH,		/* and pin, of the kinds that do */
	ACT_MAP,
	ACT_SUBMIT,
	ACT_WATCH,		/* an attachment: its state and events */
};

enum whose {
	WHOSE_UNKNOWN,
	WHOSE_NOBODYS,		/* not a dma-buf */
	WHOSE_OURS,
	WHOSE_PEERS,		/* of an exporter that gives it to peers on the bus only */
	WHOSE_OTHERS,
};

#define STATE_UNKNOWN	(~(uint32_t)0)

struct situation {
	enum act act;
	/* ACT_ATTACH, ACT_MAP and ACT_SUBMIT only: */
	enum whose whose;
	uint32_t kind;		/* enum dmabuf_revoke_kind */
	uint32_t state;		/* enum dmabuf_revoke_state of ours, or STATE_UNKNOWN */
};

struct reason {
	const char *cause;
	const char *remedy;	/* or NULL */
};

/* NULL: no more is known than what strerror() says. @err is positive. */
const struct reason *find_reason(const struct situation *situation, int err);

/* By the name that an exporter gives its dma-bufs; NULL: it is no dma-buf. */
enum whose whose_name(const char *name);

#endif
