/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator's state: its random numbers, and what the slots would hold. */
#ifndef TESTS_RANDOM_PLAN_H
#define TESTS_RANDOM_PLAN_H

#include "random/lib/program.h"

/* What may be done to a buffer, where several threads have it. */
enum fuzz_class {
	C_STREAM,	/* there may be DMA without end, so nobody takes fences from it */
	C_SHARED,	/* written to, and revoked, at will */
	C_KEPT,		/* of a thread that knows what is in it */
	C_COUNT,
};

struct plan {
	uint64_t random;
	unsigned int weights;
	unsigned int processes;
	unsigned int threads;		/* 0: one lane */
	enum fuzz_class class;		/* of the line, where there are threads */
	/* What has to come next in its lane, if @follows. */
	struct fuzz_line next;
	bool follows;
	/* What the slots would hold if all went well. */
	enum fuzz_resource holds[FUZZ_SLOTS];
	unsigned int buffer[FUZZ_SLOTS];	/* that it leads to */
	unsigned int buffers;
};

/* splitmix64 */
static inline uint64_t draw(struct plan *plan, uint64_t below)
{
	uint64_t x = plan->random += 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return (x ^ (x >> 31)) % below;
}

static inline bool chance(struct plan *plan, unsigned int percent)
{
	return draw(plan, 100) < percent;
}

static inline struct fuzz_value number(uint64_t n)
{
	return (struct fuzz_value){ V_NUMBER, n };
}

static inline struct fuzz_value slot(uint64_t n)
{
	return (struct fuzz_value){ V_SLOT, n };
}

static inline struct fuzz_value shared(uint64_t n)
{
	return (struct fuzz_value){ V_SHARED, n };
}

/* model.c */
/* One that holds this; any, if there is none. Among threads: one for the line's class. */
struct fuzz_value fuzz_pick(struct plan *plan, enum fuzz_resource resource);
/* Of a buffer of the line's class. */
struct fuzz_value fuzz_pick_id(struct plan *plan);
/* What only some other value allows, or asks for. */
void fuzz_agree(struct plan *plan, struct fuzz_line *line);
/* When some of it was made wrong: so that what comes of it lasts no longer than it may. */
void fuzz_bound(struct fuzz_line *line);
/* What the slots hold if this line does what it says. */
void fuzz_remember(struct plan *plan, struct fuzz_line *line);

#endif
