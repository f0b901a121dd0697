/* SPDX-License-Identifier: GPL-2.0-only */
/* The clauses of docs/contract.md that are judged, in a sentence each. */
#ifndef JUDGE_CLAUSES_H
#define JUDGE_CLAUSES_H

#include <stddef.h>

struct clause {
	const char *name;	/* "I4" */
	const char *text;
};

/* In the order of the contract; "LOG", the kernel's log, is the last. */
extern const struct clause clauses[];
extern const size_t clause_count;

/* NULL: there is none of that name. */
const struct clause *clause_find(const char *name);
/* Whether @name is among @names, "I3 I4 LOG". */
int clause_among(const char *names, const char *name);

#endif
