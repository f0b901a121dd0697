// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "judge/clauses.h"
#include "judge/report/report.h"
#include "lib/text/table.h"

static void add_findings(struct document *document, const struct findings *findings)
{
	static const struct column columns[] = {
		{ "scenario", "SCENARIO", CELL_TEXT, 0 },
		{ "round", NULL, CELL_NUMBER, 0 },
		{ "clause", "CLAUSE", CELL_TEXT, 0 },
		{ "verdict", "VERDICT", CELL_TEXT, 0 },
		{ "evidence", "EVIDENCE", CELL_TEXT, 0 },
		{ "details", NULL, CELL_TEXT, 0 },
		{ 0 },
	};
	struct table *table = table_new(document, "findings", NULL, LAYOUT_ROWS, columns);
	size_t i;

	for (i = 0; i < findings->count; i++) {
		const struct finding *row = &findings->rows[i];

		table_row(table);
		table_text(table, "scenario", row->scenario);
		table_set(table, "round", row->round);
		table_text(table, "clause", row->clause);
		table_text(table, "verdict", verdict_word(row->verdict));
		table_text(table, "evidence", row->text);
		if (row->details)
			table_text(table, "details", row->details);
	}
}

static void add_clauses(struct document *document, const struct findings *findings)
{
	static const struct column columns[] = {
		{ "clause", "CLAUSE", CELL_TEXT, 0 },
		{ "verdict", "VERDICT", CELL_TEXT, 0 },
		{ "text", "WHICH SAYS", CELL_TEXT, 0 },
		{ 0 },
	};
	struct table *table = table_new(document, "clauses", "Clause by clause:", LAYOUT_ROWS,
					columns);
	size_t i;

	for (i = 0; i < clause_count; i++) {
		const struct finding *worst = findings_worst(findings, "", clauses[i].name);

		if (!worst)
			continue;
		table_row(table);
		table_text(table, "clause", clauses[i].name);
		table_text(table, "verdict", verdict_word(worst->verdict));
		table_text(table, "text", clauses[i].text);
	}
}

/* For people: what the table has no room for. */
static void print_failures(const struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->count; i++) {
		const struct finding *row = &findings->rows[i];

		if (row->verdict == VERDICT_FAIL)
			printf("\nFAIL %s in %s: %s\n%s", row->clause, row->scenario, row->text,
			       row->details ? row->details : "");
	}
}

int report_table(const struct judge *judge, bool json)
{
	struct document *document = document_new(json);
	int status;

	add_findings(document, &judge->findings);
	add_clauses(document, &judge->findings);
	status = document_print(document);
	if (!status && !json)
		print_failures(&judge->findings);
	return status;
}
