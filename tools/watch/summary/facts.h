/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a recording says of each importer, of the lock and of calls that were refused, in
 * figures. Nothing is judged here.
 */
#ifndef SUMMARY_FACTS_H
#define SUMMARY_FACTS_H

#include "watch/timeline/model.h"

/* So many of each are told of; more are counted only. */
#define FACTS_MOST	1000
/* Each is looked for among all that held the lock. */
#define WAITS_MOST	100

/* What ended after an importer was told. */
enum outcome {
	OUTCOME_NOTHING,	/* there was nothing to end */
	OUTCOME_ENDED,
	OUTCOME_CUT,		/* at the detach only */
	OUTCOME_NEVER,		/* not while it was recorded */
};

struct after {
	enum outcome outcome;
	uint64_t ns;		/* since the callback began; the longest, if told several times */
};

struct importer_facts {
	const struct row *row;
	uint64_t told;			/* times */
	uint64_t told_ns;		/* the first time; 0: never */
	uint64_t callback_ns;		/* the longest */
	struct after fences;		/* until the last of its fences had signalled */
	bool fences_guessed;		/* which those are */
	struct after unmap;		/* until the last of its mappings was unmapped */
	uint64_t maps;			/* calls that succeeded, as those below */
	uint64_t unmaps;
	uint64_t pins;
	uint64_t unpins;
	uint64_t refused;
};

/* A wait for fences by who held the resv lock. */
struct locked_wait {
	const struct mark *wait;
	const struct mark *hold;	/* the wait lies in it; NULL: it was not recorded */
	uint64_t others;		/* times that somebody waited for the lock meanwhile */
	const struct mark *longest;	/* of these */
};

struct refusal {
	const struct row *row;
	const struct watch_event *first;
	uint64_t times;
};

struct facts {
	struct importer_facts *importers;	/* by buffer and number, all */
	size_t importer_count;
	struct locked_wait *waits;		/* the longest first */
	size_t wait_count;
	uint64_t waits_left_out;
	struct refusal *refusals;		/* by row, then as they came */
	size_t refusal_count;
	uint64_t refusals_left_out;
};

/* Of a timeline that outlives them. Returns 0 or -ENOMEM. */
int facts_find(struct facts *facts, const struct timeline *timeline);
void facts_free(struct facts *facts);

/* The facts of an importer's row; NULL: it is no importer. */
const struct importer_facts *facts_of_row(const struct facts *facts, const struct row *row);

#endif
