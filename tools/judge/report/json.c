// SPDX-License-Identifier: GPL-2.0-only
/* For programs: one document with everything. */
#include <inttypes.h>

#include "judge/report/formats.h"
#include "judge/report/groups.h"
#include "lib/encoding/json.h"

static void member(FILE *out, const char *before, const char *name, const char *text)
{
	fprintf(out, "%s\"%s\": ", before, name);
	if (text)
		json_print(out, text);
	else
		fprintf(out, "null");
}

static void write_program(FILE *out, char *const *words)
{
	const char *before = "";

	fprintf(out, ",\n  \"program\": [");
	for (; words && *words; words++) {
		fprintf(out, "%s", before);
		json_print(out, *words);
		before = ", ";
	}
	fprintf(out, "]");
}

static void write_limits(FILE *out, const struct limits *limits)
{
	int i;

	fprintf(out, ",\n  \"scale\": %u,\n  \"limits\": [", limits->scale);
	for (i = 0; i < LIMITS; i++) {
		member(out, i ? ",\n    {" : "\n    {", "limit", limit_name((enum limit)i));
		fprintf(out, ", \"ns\": %" PRIu64 ", \"given\": %s}", limits->ns[i],
			limits->given[i] ? "true" : "false");
	}
	fprintf(out, "\n  ]");
}

static void write_findings(FILE *out, const struct findings *findings)
{
	const char *before = "\n    {";
	size_t i;

	fprintf(out, ",\n  \"findings\": [");
	for (i = 0; i < findings->count; i++) {
		const struct finding *row = &findings->rows[i];

		member(out, before, "scenario", row->scenario);
		fprintf(out, ", \"round\": %u", row->round);
		member(out, ", ", "clause", row->clause);
		member(out, ", ", "verdict", verdict_word(row->verdict));
		member(out, ",\n     ", "evidence", row->text);
		member(out, ",\n     ", "details", row->details);
		fprintf(out, "}");
		before = ",\n    {";
	}
	fprintf(out, "\n  ]");
}

static void write_clauses(FILE *out, const struct findings *findings)
{
	const char *before = "\n    {";
	const struct finding *worst;
	char page[PAGE_TEXT];
	size_t i;

	fprintf(out, ",\n  \"clauses\": [");
	for (i = 0; i < clause_count; i++) {
		worst = findings_worst(findings, "", clauses[i].name);
		if (!worst)
			continue;
		member(out, before, "clause", clauses[i].name);
		member(out, ", ", "verdict", verdict_word(worst->verdict));
		member(out, ", ", "text", clauses[i].text);
		member(out, ", ", "page", clause_page(page, clauses[i].name));
		fprintf(out, "}");
		before = ",\n    {";
	}
	fprintf(out, "\n  ]");
}

void json_write(FILE *out, const struct judge *judge, const struct heading *heading)
{
	char text[SENTENCE_TEXT];

	member(out, "{\n  ", "kernel", heading->origin.kernel);
	member(out, ",\n  ", "version", heading->version);
	member(out, ",\n  ", "judged", judge->about);
	write_program(out, judge->program);
	fprintf(out, ",\n  \"seed\": %" PRIu32, judge->seed);
	write_limits(out, &judge->limits);
	member(out, ",\n  ", "sentence", sentence(text, judge));
	member(out, ",\n  ", "cut_short", cut_short(judge));
	write_findings(out, &judge->findings);
	write_clauses(out, &judge->findings);
	fprintf(out, "\n}\n");
}
