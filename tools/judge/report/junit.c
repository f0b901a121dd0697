// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "judge/report/formats.h"
#include "judge/report/groups.h"
#include "lib/encoding/xml.h"

static void attribute(FILE *out, const char *name, const char *text)
{
	fprintf(out, " %s=\"", name);
	xml_print(out, text);
	fprintf(out, "\"");
}

static void write_property(FILE *out, const char *name, const char *text)
{
	fprintf(out, "   <property");
	attribute(out, "name", name);
	attribute(out, "value", text);
	fprintf(out, "/>\n");
}

static void write_properties(FILE *out, const struct judge *judge, const struct heading *heading)
{
	char text[128], name[32];
	int i;

	fprintf(out, "  <properties>\n");
	write_property(out, "kernel", heading->origin.kernel);
	write_property(out, "version", heading->version);
	for (i = 0; judge->program && judge->program[i]; i++)
		write_property(out, "program", judge->program[i]);
	for (i = 0; i < LIMITS; i++) {
		snprintf(name, sizeof(name), "limit.%s", limit_name((enum limit)i));
		write_property(out, name, limit_text(&judge->limits, (enum limit)i, text));
	}
	fprintf(out, "  </properties>\n");
}

/* The text of an element: what all findings of that clause and verdict say. */
static void write_evidence(FILE *out, const struct group *group, const struct finding *worst)
{
	size_t i;

	for (i = 0; i < group->count; i++) {
		const struct finding *row = &group->rows[i];

		if (row->verdict != worst->verdict || strcmp(row->clause, worst->clause))
			continue;
		xml_print(out, row->text);
		fprintf(out, "\n");
		if (row->details)
			xml_print(out, row->details);
	}
}

static void write_failure(FILE *out, const struct group *group, const struct finding *worst)
{
	char page[PAGE_TEXT];

	fprintf(out, "   <failure");
	attribute(out, "message", worst->text);
	fprintf(out, ">");
	write_evidence(out, group, worst);
	fprintf(out, "how to mend it: %s</failure>\n", clause_page(page, worst->clause));
}

static void write_case(FILE *out, const struct judge *judge, const struct group *group,
		       const struct finding *worst)
{
	char name[GROUP_NAME];

	fprintf(out, "  <testcase classname=\"dmabuf-revoke.%s.%s\"", judge->about,
		group_name(name, group));
	attribute(out, "name", worst->clause);
	fprintf(out, ">\n");
	if (worst->verdict == VERDICT_FAIL) {
		write_failure(out, group, worst);
	} else if (worst->verdict == VERDICT_PASS) {
		fprintf(out, "   <system-out>");
		write_evidence(out, group, worst);
		fprintf(out, "</system-out>\n");
	} else {
		fprintf(out, "   <skipped message=\"%s: ", verdict_word(worst->verdict));
		xml_print(out, worst->text);
		fprintf(out, "\"/>\n");
	}
	fprintf(out, "  </testcase>\n");
}

static unsigned int count(const struct group *group, enum verdict least, enum verdict most)
{
	const struct finding *worst;
	unsigned int found = 0;
	size_t i;

	for (i = 0; i < clause_count; i++) {
		worst = group_worst(group, clauses[i].name);
		found += worst && worst->verdict >= least && worst->verdict <= most;
	}
	return found;
}

static void write_group(FILE *out, const struct judge *judge, const struct heading *heading,
			const struct group *group)
{
	char name[GROUP_NAME];
	size_t i;

	fprintf(out, " <testsuite");
	attribute(out, "name", group_name(name, group));
	fprintf(out, " tests=\"%u\" failures=\"%u\" errors=\"0\" skipped=\"%u\">\n",
		group_clauses(group), count(group, VERDICT_FAIL, VERDICT_FAIL),
		count(group, VERDICT_SKIP, VERDICT_UNKNOWN));
	write_properties(out, judge, heading);
	for (i = 0; i < clause_count; i++) {
		const struct finding *worst = group_worst(group, clauses[i].name);

		if (worst)
			write_case(out, judge, group, worst);
	}
	fprintf(out, " </testsuite>\n");
}

/* The verdicts that there are may all be good: the run was not. */
static void write_cut(FILE *out, const struct judge *judge, const char *cut)
{
	fprintf(out, " <testsuite name=\"run\" tests=\"1\" failures=\"0\" errors=\"1\"");
	fprintf(out, " skipped=\"0\">\n"
		"  <testcase classname=\"dmabuf-revoke.%s.run\" name=\"all-was-run\">\n   <error",
		judge->about);
	attribute(out, "message", cut);
	fprintf(out, "/>\n  </testcase>\n </testsuite>\n");
}

void junit_write(FILE *out, const struct judge *judge, const struct heading *heading)
{
	const char *cut = cut_short(judge);
	struct group group = { 0 };

	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"dmabuf-revoke test-%s\">\n", judge->about);
	while (group_next(&group, &judge->findings))
		write_group(out, judge, heading, &group);
	if (cut)
		write_cut(out, judge, cut);
	fprintf(out, "</testsuites>\n");
}
