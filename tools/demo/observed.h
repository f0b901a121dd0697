/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the demo is to do, and what it observed. The judgement about it is kept
 * apart, so that it can be tested on observations that are wrong.
 */
#ifndef DEMO_OBSERVED_H
#define DEMO_OBSERVED_H

#include <stdbool.h>
#include <stdint.h>

#include <dmabuf_revoke.h>

/* What a call gave: 0, a positive errno, or this. */
#define DEMO_UNTRIED	(-1)

#define DEMO_IMPORTERS	5

/* Times are of CLOCK_MONOTONIC in nanoseconds; 0: it did not happen. */
struct demo_importer {
	const char *name;
	uint32_t kind;
	bool defer_unmap;
	bool legacy;

	int attach;
	int read;			/* one DMA pass over the file */
	uint32_t read_crc32;
	uint64_t read_ns;		/* how long it took */
	int stream;			/* starting to read it over and over */

	/* Just before the revoke. */
	bool mapped;
	bool running;

	/* Of the revoke. */
	uint64_t invalidations;		/* times */
	uint64_t invalidated_ns;
	uint64_t dma_ended_ns;
	uint64_t unmapped_ns;
	int result;			/* of the stream */
	uint64_t passes;
	uint64_t changed;		/* passes with another CRC-32 */
	uint32_t crc32;			/* of the last pass */

	/* Afterwards. */
	int map;
	int submit;

	/* A legacy importer only: while it held up the revoke, and its end. */
	bool running_still;
	uint64_t detached_ns;

	/* Of DMA after the unmap: the IOMMU stopped it; it was seen in the memory. */
	uint64_t faulted_ns;
	uint64_t fault_address;
	uint64_t wrote_ns;
};

/* A process that reads a mapping of the buffer over and over. */
struct demo_reader {
	uint64_t passes;
	uint64_t wrong;			/* passes with another CRC-32 */
	uint64_t sigbus_ns;
	bool inside;			/* the SIGBUS named an address in the mapping */
};

/* A revoke with a short deadline that legacy importers hold up. */
struct demo_blocked {
	int revoke;
	int query;			/* when all others had let go */
	uint32_t state;
	struct dmabuf_revoke_pending pending;
};

/* Waited for to its end. */
struct demo_revoke {
	uint64_t called_ns;
	uint64_t returned_ns;
	int result;
	struct dmabuf_revoke_revoke out;
};

/* A buffer with a quarantine, and its only importer, on behalf of a PCI function. */
struct demo_turn {
	struct demo_importer importer;
	uint64_t address;		/* that it was mapped at */
	struct demo_revoke revoke;
	int free;			/* the buffer; what it says of the quarantine: */
	bool checked;
	uint32_t changed;		/* pages */
};

#define DEMO_LOG_TEXT	256

/* On behalf of a PCI function: first an importer that behaves, then one that goes on. */
struct demo_function {
	/* What to do. */
	const char *name;		/* NULL: nothing */
	uint32_t engine;		/* enum dmabuf_revoke_engine; then the one that it was */

	/* What it is. */
	struct dmabuf_revoke_device device;

	/* What happened. */
	uint64_t length;		/* of that part of the file */
	uint32_t crc32;			/* of that part */
	struct demo_turn behaved;
	struct demo_turn rogue;
	char log[DEMO_LOG_TEXT];	/* the kernel's line about the fault, or nothing */
	int next;			/* another buffer with the same, made after the revoke */
	uint32_t next_crc32;		/* when it had been stopped, or had written */
};

struct demo {
	/* What to do. */
	const char *path;
	bool accept_legacy;
	uint64_t duration_ns;		/* of a DMA pass, at least */
	uint64_t limit_ns;		/* for everything after the copying */

	/* What happened. */
	uint64_t id;
	uint64_t length;		/* of the file */
	uint32_t crc32;			/* of the file */
	uint64_t streamed_ns;		/* from the streams' start to the revoke */
	unsigned int count;
	struct demo_importer importers[DEMO_IMPORTERS];
	struct demo_reader reader;
	struct demo_blocked blocked;	/* with accept_legacy */
	struct demo_revoke revoke;	/* the one that completed; @called_ns: the first */
	int attach;			/* this and below: afterwards */
	int mmap;
	int sync;
	int again;			/* another revoke */
	bool already;			/* which said that all was done */
	struct demo_function function;
};

#endif
