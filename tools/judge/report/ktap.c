// SPDX-License-Identifier: GPL-2.0-only
/* As Documentation/dev-tools/ktap.rst says. */
#include <string.h>

#include "judge/report/formats.h"
#include "judge/report/groups.h"
#include "judge/report/lines.h"
#include "lib/encoding/utf8.h"

/* Not "# Subtest: ", whatever the text is: that would begin one. */
static void diagnose(FILE *out, const char *indent, const char *text)
{
	char line[LINE_TEXT];

	while (line_next(line, &text))
		fprintf(out, "%s#   %s\n", indent, line);
}

/* Behind a line's name, for what is no result. A "#" would begin another directive. */
static void write_skip(FILE *out, const struct finding *worst)
{
	char clean[LINE_TEXT];
	const char *at = utf8_clean(clean, sizeof(clean), worst->text);

	fprintf(out, " # SKIP %s", worst->verdict == VERDICT_UNKNOWN ? "UNKNOWN: " : "");
	for (; *at; at++) {
		if (*at == '#')
			putc('\\', out);
		putc(*at, out);
	}
}

static void write_clause(FILE *out, const struct group *group, const char *clause,
			 const struct finding *worst, unsigned int number)
{
	bool failed = worst->verdict == VERDICT_FAIL;
	char page[PAGE_TEXT];
	size_t i;

	for (i = 0; i < group->count; i++) {
		const struct finding *row = &group->rows[i];

		if (strcmp(row->clause, clause) || row->verdict < VERDICT_PASS)
			continue;
		diagnose(out, "  ", row->text);
		if (row->details)
			diagnose(out, "  ", row->details);
	}
	if (failed)
		fprintf(out, "  #   how to mend it: %s\n", clause_page(page, clause));
	fprintf(out, "  %sok %u %s", failed ? "not " : "", number, clause);
	if (worst->verdict < VERDICT_PASS)
		write_skip(out, worst);
	fprintf(out, "\n");
}

static void write_group(FILE *out, const struct group *group, unsigned int number)
{
	bool failed = false, judged = false;
	unsigned int inner = 0;
	char name[GROUP_NAME];
	size_t i;

	fprintf(out, "  KTAP version 1\n  1..%u\n", group_clauses(group));
	for (i = 0; i < clause_count; i++) {
		const struct finding *worst = group_worst(group, clauses[i].name);

		if (!worst)
			continue;
		failed |= worst->verdict == VERDICT_FAIL;
		judged |= worst->verdict == VERDICT_PASS;
		write_clause(out, group, clauses[i].name, worst, ++inner);
	}
	fprintf(out, "%sok %u %s%s\n", failed ? "not " : "", number, group_name(name, group),
		failed || judged ? "" : " # SKIP all of it");
}

void ktap_write(FILE *out, const struct judge *judge, const struct heading *heading)
{
	unsigned int number = 0, all = group_count(&judge->findings);
	const char *cut = cut_short(judge);
	struct group group = { 0 };
	char text[SENTENCE_TEXT];

	fprintf(out, "KTAP version 1\n1..%u\n", all + !!cut);
	fprintf(out, "#   dmabuf-revoke %s, Linux %s: a dma-buf %s\n", heading->version,
		heading->origin.kernel, judge->about);
	while (group_next(&group, &judge->findings))
		write_group(out, &group, ++number);
	diagnose(out, "", sentence(text, judge));
	/* The verdicts that there are may all be good: the run was not. */
	if (cut)
		fprintf(out, "not ok %u all-was-run\n", all + 1);
}
