// SPDX-License-Identifier: GPL-2.0-only
/* For people: scenario by scenario, then what failed and why, the verdict on all last. */
#include <string.h>

#include "judge/report/formats.h"
#include "judge/report/groups.h"
#include "judge/report/lines.h"
#include "lib/encoding/utf8.h"

/* Narrower than that nothing can be read. */
#define NARROWEST	40
/* "  UNKNOWN E12  " */
#define INDENT		15

/* How many characters of @text, which is clean, are a line of at most @most; in bytes. */
static size_t fitting(const char *text, unsigned int most)
{
	const char *at = text, *space = NULL;
	unsigned int count;

	for (count = 0; *at && count < most; count++) {
		if (*at == ' ')
			space = at;
		utf8_next(&at);
	}
	if (!*at || *at == ' ')
		return (size_t)(at - text);
	return (size_t)((space && space > text ? space : at) - text);
}

/* The rest of a line that @indent characters have been written of. */
static void wrap(FILE *out, const char *text, unsigned int indent, unsigned int width)
{
	char clean[LINE_TEXT];
	const char *at = utf8_clean(clean, sizeof(clean), text);

	while (width) {
		size_t length = fitting(at, (width > NARROWEST ? width : NARROWEST) - indent);

		fwrite(at, 1, length, out);
		at += length + (at[length] == ' ');
		if (!*at)
			break;
		fprintf(out, "\n%*s", (int)indent, "");
	}
	fprintf(out, "%s\n", at);
}

static bool says_the_same(const struct finding *one, const struct finding *two)
{
	return one->verdict == two->verdict && !strcmp(one->text, two->text);
}

/* All that have the same verdict as @row for the same reason; nothing if an earlier one did. */
static void write_row(FILE *out, const struct group *group, const struct finding *row,
		      unsigned int width)
{
	const struct finding *other, *end = group->rows + group->count;
	int length;

	for (other = group->rows; other < row; other++)
		if (says_the_same(other, row))
			return;
	length = fprintf(out, "  %-7s %s", verdict_word(row->verdict), row->clause);
	for (other = row + 1; other < end; other++)
		if (says_the_same(other, row))
			length += fprintf(out, " %s", other->clause);
	if (length >= INDENT) {
		fprintf(out, "\n");
		length = 0;
	}
	fprintf(out, "%*s", INDENT - length, "");
	wrap(out, row->text, INDENT, width);
}

static void write_group(FILE *out, const struct group *group, unsigned int width)
{
	char name[GROUP_NAME];
	size_t i;

	fprintf(out, "%s\n", group_name(name, group));
	for (i = 0; i < group->count; i++)
		write_row(out, group, &group->rows[i], width);
	fprintf(out, "\n");
}

static void write_clauses(FILE *out, const struct findings *findings, unsigned int width)
{
	const struct finding *worst;
	size_t i;

	fprintf(out, "Clause by clause\n");
	for (i = 0; i < clause_count; i++) {
		worst = findings_worst(findings, "", clauses[i].name);
		if (!worst)
			continue;
		fprintf(out, "  %-7s %-4s ", verdict_word(worst->verdict), clauses[i].name);
		wrap(out, clauses[i].text, INDENT, width);
	}
	fprintf(out, "\n");
}

static void write_details(FILE *out, const struct finding *row)
{
	const char *at = row->details;
	char line[LINE_TEXT];

	while (line_next(line, &at))
		fprintf(out, "  | %s\n", line);
}

/* Of one trial the events are the same whatever failed: they are said once. */
static void write_failures(FILE *out, const struct group *group, unsigned int width)
{
	const struct finding *before = NULL;
	char page[PAGE_TEXT], name[GROUP_NAME];
	size_t i;

	for (i = 0; i < group->count; i++) {
		const struct finding *row = &group->rows[i];

		if (row->verdict != VERDICT_FAIL)
			continue;
		fprintf(out, "FAIL %s in %s\n  ", row->clause, group_name(name, group));
		wrap(out, row->text, 2, width);
		if (before && before->details && row->details &&
		    !strcmp(before->details, row->details))
			fprintf(out, "  | as of %s\n", before->clause);
		else
			write_details(out, row);
		fprintf(out, "  how to mend it: %s\n\n", clause_page(page, row->clause));
		before = row;
	}
}

void people_write(FILE *out, const struct judge *judge, unsigned int width)
{
	const struct findings *findings = &judge->findings;
	char text[SENTENCE_TEXT];
	struct group group = { 0 };

	while (group_next(&group, findings))
		write_group(out, &group, width);
	write_clauses(out, findings, width);
	group = (struct group){ 0 };
	while (group_next(&group, findings))
		write_failures(out, &group, width);
	wrap(out, sentence(text, judge), 0, width);
}
