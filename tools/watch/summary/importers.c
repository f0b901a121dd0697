// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "lib/encoding/utf8.h"
#include "watch/summary/importers.h"
#include "watch/timeline/words.h"

static const struct column columns[] = {
	{ "buffer", "BUFFER", CELL_NUMBER, 0 },
	{ "importer", "IMPORTER", CELL_NUMBER, 0 },
	{ "device", "DEVICE", CELL_TEXT, 0 },
	{ "kind", "KIND", CELL_TEXT, 0 },
	{ "callback", "CALLBACK", CELL_TEXT, 0 },
	{ "maps", "MAPS", CELL_NUMBER, 0 },
	{ "unmaps", "UNMAPS", CELL_NUMBER, 0 },
	{ "pins", "PINS", CELL_NUMBER, 0 },
	{ "unpins", "UNPINS", CELL_NUMBER, 0 },
	{ "told", "TOLD", CELL_NUMBER, 0 },
	{ "told_at_ns", NULL, CELL_NUMBER, 0 },
	{ "callback_ns", "TOOK", CELL_DURATION, 0 },
	{ "fences_ns", NULL, CELL_DURATION, 0 },
	{ "fences_end", NULL, CELL_TEXT, 0 },
	{ "fences_guessed", NULL, CELL_BOOL, 0 },
	{ "fences", "LAST FENCE", CELL_BAR, 0 },
	{ "unmap_ns", NULL, CELL_DURATION, 0 },
	{ "unmap_end", NULL, CELL_TEXT, 0 },
	{ "unmap", "LAST UNMAP", CELL_BAR, 0 },
	{ "refused", "REFUSED", CELL_NUMBER, 0 },
	{ 0 },
};

static const char *const outcomes[] = {
	[OUTCOME_NOTHING] = "nothing",
	[OUTCOME_ENDED] = "ended",
	[OUTCOME_CUT] = "detach",
	[OUTCOME_NEVER] = "never",
};

char *after_text(char text[UNITS_TEXT], struct after after)
{
	char time[UNITS_TEXT];

	*text = '\0';
	if (after.outcome == OUTCOME_NEVER)
		snprintf(text, UNITS_TEXT, "never");
	else if (after.outcome != OUTCOME_NOTHING)
		snprintf(text, UNITS_TEXT, "%.20s%s", format_duration(time, after.ns),
			 after.outcome == OUTCOME_CUT ? " (detach)" : "");
	return text;
}

static void set_after(struct table *table, const char *key, const char *end_key,
		      const char *bar_key, struct after after, bool guessed)
{
	char text[UNITS_TEXT], marked[UNITS_TEXT + 1];

	table_text(table, end_key, outcomes[after.outcome]);
	if (after.outcome != OUTCOME_NOTHING)
		table_set(table, key, after.ns);
	snprintf(marked, sizeof(marked), "%s%s", after_text(text, after), guessed ? "?" : "");
	table_text(table, bar_key, marked);
}

static void report_importer(struct table *table, const struct importer_facts *facts)
{
	const struct row *row = facts->row;
	char clean[3 * WATCH_NAME_LEN];

	table_row(table);
	table_set(table, "buffer", row->buffer);
	if (row->number)
		table_set(table, "importer", row->number);
	table_text(table, "device", row->name);
	table_text(table, "kind", row->number ? importer_kind(row) : "not attached");
	/* Our modules say its kind instead. */
	if (row->began && !row->began->ours)
		table_text(table, "callback",
			   utf8_clean(clean, sizeof(clean), row->began->name));
	table_set(table, "maps", facts->maps);
	table_set(table, "unmaps", facts->unmaps);
	table_set(table, "pins", facts->pins);
	table_set(table, "unpins", facts->unpins);
	table_set(table, "told", facts->told);
	table_set(table, "refused", facts->refused);
	table_set(table, "fences_guessed", facts->fences_guessed);
	if (!facts->told)
		return;
	table_set(table, "told_at_ns", facts->told_ns);
	table_set(table, "callback_ns", facts->callback_ns);
	set_after(table, "fences_ns", "fences_end", "fences", facts->fences,
		  facts->fences_guessed);
	set_after(table, "unmap_ns", "unmap_end", "unmap", facts->unmap, false);
}

void report_importers(struct document *document, const struct facts *facts)
{
	struct table *table = table_new(document, "importers",
					"Importers (times since the callback began; ? a guess)",
					LAYOUT_ROWS, columns);
	size_t i;

	for (i = 0; i < facts->importer_count && i < FACTS_MOST; i++)
		report_importer(table, &facts->importers[i]);
}
