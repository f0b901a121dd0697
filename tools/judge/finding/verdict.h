/* SPDX-License-Identifier: GPL-2.0-only */
/* What a trial has found out about a clause of the contract, and by what. */
#ifndef JUDGE_VERDICT_H
#define JUDGE_VERDICT_H

#include <stdarg.h>
#include <stddef.h>

/* In the order in which one outweighs the others, where several are about one clause. */
enum verdict {
	VERDICT_SKIP,		/* something is missing; the text says what, and how to get it */
	VERDICT_UNKNOWN,	/* nothing showed it, or events were lost */
	VERDICT_PASS,
	VERDICT_FAIL,
};

#define FINDING_TEXT	512

struct finding {
	const char *scenario;
	unsigned int round;		/* of --repeat, from 1 */
	char clause[8];			/* "I4"; "LOG": the kernel's log */
	enum verdict verdict;
	char text[FINDING_TEXT];	/* one line: what was seen, with times and limits */
	char *details;			/* lines: events, the kernel's log, stacks; or NULL */
};

struct findings {
	struct finding *rows;
	size_t count;
	size_t room;
	int ret;			/* -ENOMEM, if ever */
};

/* "PASS" */
const char *verdict_word(enum verdict verdict);

/* The new one, to have details added; NULL after running out of memory. */
struct finding *findings_add(struct findings *findings, const struct finding *finding);
/* A line to its details, without "\n". */
void finding_detail(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void findings_free(struct findings *findings);
/* Those from that index on are forgotten, but what is FAIL. */
void findings_keep_failures(struct findings *findings, size_t from);

/*
 * Of one clause in one scenario ("": in all), the verdict that outweighs. Returns NULL if there
 * is none.
 */
const struct finding *findings_worst(const struct findings *findings, const char *scenario,
				     const char *clause);

#endif
