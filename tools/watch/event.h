/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the witness saw: one thing that happened to a dma-buf, whoever exports or imports it.
 * Recorders make these, of the kernel's trace or of a file; the model makes rows of them.
 */
#ifndef WATCH_EVENT_H
#define WATCH_EVENT_H

#include <stdint.h>

enum watch_what {
	WATCH_EXPORT,		/* a dma-buf was made; @buffer, @inode, @name: exporter, @size */
	WATCH_THERE,		/* it was there before the recording began; as EXPORT */
	WATCH_RELEASE,		/* its last reference went */
	WATCH_ATTACH,		/* @attach, @device, @name: callback's symbol or "", @result */
	WATCH_DETACH,
	WATCH_PIN,		/* pin, map, vmap, mmap: with @result, when they returned */
	WATCH_UNPIN,
	WATCH_MAP,		/* @attach; @begin_ns: when it was called */
	WATCH_UNMAP,
	WATCH_VMAP,
	WATCH_VUNMAP,
	WATCH_MMAP,
	WATCH_CPU_BEGIN,	/* DMA_BUF_IOCTL_SYNC, START */
	WATCH_CPU_END,
	WATCH_FAULT,		/* a CPU mapping faulted; @result: negative: SIGBUS */
	WATCH_ZAP,		/* the CPU's mappings were taken away */
	WATCH_INVALIDATE,	/* the exporter told all; @begin_ns to @time_ns */
	WATCH_TOLD,		/* one importer's callback; @attach; @begin_ns to @time_ns */
	WATCH_FENCE_ADD,	/* @context, @seqno, @usage, @signalled */
	WATCH_FENCE_SIGNAL,	/* @context, @seqno, @name: driver and timeline, @result */
	WATCH_FENCE_WAIT,	/* @begin_ns to @time_ns, @usage, @locked */
	WATCH_LOCK,		/* the resv lock was held; @begin_ns to @time_ns */
	WATCH_CONTEND,		/* somebody waited for it; @begin_ns to @time_ns */
	WATCH_DMA_FAULT,	/* an IOMMU refused an access; @device, @address */
	WATCH_JOB,		/* our importer's DMA; @begin_ns to @time_ns, @attach, @result */
	WATCH_STATE,		/* our exporter's; @name: the new state */
	WATCH_MARK,		/* something of ours without a row of its own; @name says what */
	WATCH_LOST,		/* @size events are missing here: ring overrun, missed probes */
};

#define WATCH_NAME_LEN	64

/*
 * What does not apply is 0 or "". @buffer and @attach are numbers of our own, from 1: the
 * kernel's pointers are reused at once. @buffer 0: the event is of no known buffer.
 */
struct watch_event {
	enum watch_what what;
	uint64_t time_ns;		/* CLOCK_MONOTONIC; of its end, if it took any time */
	uint64_t begin_ns;		/* CLOCK_MONOTONIC; 0: it has no beginning of its own */
	uint32_t pid;			/* the thread's, in the initial namespace; 0: not known */
	char comm[16];
	uint64_t buffer;
	uint64_t attach;
	uint64_t inode;			/* of the dma-buf */
	uint64_t size;			/* bytes; LOST: events */
	uint64_t context;		/* of the fence */
	uint64_t seqno;
	uint64_t address;		/* DMA_FAULT */
	uint64_t moves;			/* MAP, UNMAP of ours: of the memory, until the map */
	int32_t usage;			/* enum dma_resv_usage */
	int32_t result;			/* 0, or a negative errno */
	uint8_t locked;			/* by who holds the resv lock */
	uint8_t guessed;		/* @attach is a guess (fences): no kernel says it */
	uint8_t ours;			/* of our modules' trace events */
	uint8_t unfinished;		/* it went on: @time_ns is the recording's end */
	uint8_t signalled;		/* FENCE_ADD: before that; nobody says when */
	char device[WATCH_NAME_LEN];
	char name[WATCH_NAME_LEN];
};

#endif
