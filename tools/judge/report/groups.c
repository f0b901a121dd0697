// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "judge/report/groups.h"

bool group_next(struct group *group, const struct findings *findings)
{
	const struct finding *end = findings->rows + findings->count;
	const struct finding *first = group->rows ? group->rows + group->count : findings->rows;

	if (!findings->count || first == end)
		return false;
	*group = (struct group){ .rows = first };
	while (first + group->count < end && first->round == first[group->count].round &&
	       !strcmp(first->scenario, first[group->count].scenario))
		group->count++;
	return true;
}

unsigned int group_count(const struct findings *findings)
{
	struct group group = { 0 };
	unsigned int count = 0;

	while (group_next(&group, findings))
		count++;
	return count;
}

const struct finding *group_worst(const struct group *group, const char *clause)
{
	const struct finding *worst = NULL;
	size_t i;

	for (i = 0; i < group->count; i++)
		if (!strcmp(group->rows[i].clause, clause) &&
		    (!worst || group->rows[i].verdict > worst->verdict))
			worst = &group->rows[i];
	return worst;
}

unsigned int group_clauses(const struct group *group)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < clause_count; i++)
		count += !!group_worst(group, clauses[i].name);
	return count;
}

char *group_name(char text[GROUP_NAME], const struct group *group)
{
	if (group->rows->round > 1)
		snprintf(text, GROUP_NAME, "%s.%u", group->rows->scenario, group->rows->round);
	else
		snprintf(text, GROUP_NAME, "%s", group->rows->scenario);
	return text;
}

const char *cut_short(const struct judge *judge)
{
	if (judge->stuck)
		return "the program hangs in the kernel, so the rest was not run";
	if (judge->interrupted)
		return "it was interrupted, so the rest was not run";
	return NULL;
}

/* Clauses by the verdict that outweighs in all. */
static unsigned int count(const struct findings *findings, enum verdict verdict)
{
	const struct finding *worst;
	unsigned int found = 0;
	size_t i;

	for (i = 0; i < clause_count; i++) {
		worst = findings_worst(findings, "", clauses[i].name);
		found += worst && worst->verdict == verdict;
	}
	return found;
}

/* That the log is silent says nothing of what was not tried. */
static bool is_judged(const struct judge *judge)
{
	const struct finding *log = findings_worst(&judge->findings, "", "LOG");
	bool silent = log && log->verdict == VERDICT_PASS;

	return count(&judge->findings, VERDICT_PASS) > (silent && !judge->tried);
}

int verdict_on_all(const struct judge *judge)
{
	if (count(&judge->findings, VERDICT_FAIL) || cut_short(judge))
		return STATUS_FAILED;
	return is_judged(judge) ? STATUS_DONE : STATUS_IMPOSSIBLE;
}

/* "; UNKNOWN: I10, I13"; nothing, if no clause has that verdict. */
static void name(FILE *out, const struct findings *findings, enum verdict verdict,
		 const char *before)
{
	const struct finding *worst;
	size_t i;

	for (i = 0; i < clause_count; i++) {
		worst = findings_worst(findings, "", clauses[i].name);
		if (!worst || worst->verdict != verdict)
			continue;
		fprintf(out, "%s%s", before, clauses[i].name);
		before = ", ";
	}
}

static void write_sentence(FILE *out, const struct judge *judge)
{
	const struct findings *findings = &judge->findings;
	unsigned int passed = count(findings, VERDICT_PASS);
	unsigned int failed = count(findings, VERDICT_FAIL);
	unsigned int all = passed + failed + count(findings, VERDICT_UNKNOWN) +
			   count(findings, VERDICT_SKIP);

	if (failed) {
		fprintf(out, "FAIL: %u of %u clauses", failed, all);
		name(out, findings, VERDICT_FAIL, ": ");
	} else if (is_judged(judge)) {
		fprintf(out, "PASS: %u of %u clauses", passed, all);
	} else {
		fprintf(out, "Nothing could be judged");
	}
	name(out, findings, VERDICT_UNKNOWN, "; UNKNOWN: ");
	name(out, findings, VERDICT_SKIP, "; SKIP: ");
	if (cut_short(judge))
		fprintf(out, "; %s", cut_short(judge));
}

char *sentence(char text[SENTENCE_TEXT], const struct judge *judge)
{
	FILE *out = fmemopen(text, SENTENCE_TEXT, "w");

	*text = 0;
	if (out) {
		write_sentence(out, judge);
		fclose(out);
	}
	return text;
}

char *clause_page(char text[PAGE_TEXT], const char *clause)
{
	size_t length = (size_t)snprintf(text, PAGE_TEXT, "docs/judging/clauses.md#"), i;

	for (i = 0; clause[i] && length < PAGE_TEXT - 1; i++)
		text[length++] = (char)tolower((unsigned char)clause[i]);
	text[length] = 0;
	return text;
}
