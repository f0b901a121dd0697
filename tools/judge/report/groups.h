/* SPDX-License-Identifier: GPL-2.0-only */
/* Verdicts put together: of a scenario in one round, of a clause in all, on all. */
#ifndef REPORT_GROUPS_H
#define REPORT_GROUPS_H

#include <stdbool.h>

#include "judge/finding/clauses.h"
#include "judge/context.h"

/* The findings of one scenario in one round, which follow each other. */
struct group {
	const struct finding *rows;
	size_t count;
};

/* The first one if @group is { 0 }, then the next; false: there are no more. */
bool group_next(struct group *group, const struct findings *findings);
unsigned int group_count(const struct findings *findings);
/* Of one clause, the finding that outweighs; NULL: none. */
const struct finding *group_worst(const struct group *group, const char *clause);
/* How many clauses have one. */
unsigned int group_clauses(const struct group *group);
#define GROUP_NAME	80
/* "revoke-mapped", "revoke-mapped.2" in the second round; returns @text. */
char *group_name(char text[GROUP_NAME], const struct group *group);

/* Why not all that was chosen was run; NULL: it was. */
const char *cut_short(const struct judge *judge);
/* STATUS_FAILED: a FAIL, or it was cut short; DONE: a PASS, else IMPOSSIBLE. */
int verdict_on_all(const struct judge *judge);
#define SENTENCE_TEXT	1024
/* "FAIL: 2 of 14 clauses: I4, I8"; returns @text. */
char *sentence(char text[SENTENCE_TEXT], const struct judge *judge);

#define PAGE_TEXT	64
/* Where the documentation says how to mend it; returns @text. */
char *clause_page(char text[PAGE_TEXT], const char *clause);

#endif
