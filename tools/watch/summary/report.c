// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/encoding/utf8.h"
#include "lib/text/message.h"
#include "lib/text/table.h"
#include "lib/text/units.h"
#include "watch/summary/importers.h"
#include "watch/summary/notes.h"
#include "watch/summary/report.h"
#include "watch/timeline/words.h"

static const struct column recording_columns[] = {
	{ "lost", NULL, CELL_NUMBER, 0 },
	{ "lost_times", NULL, CELL_NUMBER, 0 },
	{ "dropped", NULL, CELL_NUMBER, 0 },
	{ "kernel", "kernel", CELL_TEXT, 0 },
	{ "clock", "clock", CELL_TEXT, 0 },
	{ "from_ns", NULL, CELL_NUMBER, 0 },
	{ "length_ns", "recorded", CELL_DURATION, 0 },
	{ "events", "events", CELL_NUMBER, 0 },
	{ 0 },
};

static const struct column buffer_columns[] = {
	{ "buffer", "BUFFER", CELL_NUMBER, 0 },
	{ "exporter", "EXPORTER", CELL_TEXT, 0 },
	{ "size", "SIZE", CELL_SIZE, 0 },
	{ "inode", "INODE", CELL_NUMBER, 0 },
	{ "importers", "IMPORTERS", CELL_NUMBER, 0 },
	{ "invalidations", "INVALIDATED", CELL_NUMBER, 0 },
	{ "longest_ns", "LONGEST", CELL_DURATION, 0 },
	{ 0 },
};

static const struct column wait_columns[] = {
	{ "buffer", "BUFFER", CELL_NUMBER, 0 },
	{ "who", "WHO", CELL_TEXT, 0 },
	{ "usage", NULL, CELL_NUMBER, 0 },
	{ "waited_ns", "WAITED", CELL_DURATION, 0 },
	{ "held_ns", "HELD", CELL_DURATION, 0 },
	{ "others", "OTHERS WAITED", CELL_NUMBER, 0 },
	{ "longest_ns", "LONGEST", CELL_DURATION, 0 },
	{ "longest_who", "OF", CELL_TEXT, 0 },
	{ 0 },
};

static const struct column refusal_columns[] = {
	{ "buffer", "BUFFER", CELL_NUMBER, 0 },
	{ "who", "WHO", CELL_TEXT, 0 },
	{ "device", NULL, CELL_TEXT, 0 },
	{ "call", "CALL", CELL_TEXT, 0 },
	{ "error", "ERROR", CELL_TEXT, 0 },
	{ "times", "TIMES", CELL_NUMBER, 0 },
	{ "first_ns", NULL, CELL_NUMBER, 0 },
	{ "first", "FIRST AFTER", CELL_BAR, 0 },
	{ 0 },
};

static const struct column note_columns[] = {
	{ "note", "NOT KNOWN", CELL_TEXT, 0 },
	{ 0 },
};

static void report_recording(struct document *document, const struct report *report)
{
	const struct timeline *timeline = report->timeline;
	char lost[NOTE_TEXT];
	struct table *table;
	char clean[3 * WATCH_NAME_LEN];

	notes_lost(lost, timeline, report->dropped);
	table = table_new(document, "recording", *lost ? lost : NULL, LAYOUT_RECORD,
			  recording_columns);
	table_row(table);
	table_set(table, "lost", timeline->lost);
	table_set(table, "lost_times", timeline->lost_times);
	table_set(table, "dropped", report->dropped);
	table_text(table, "kernel", utf8_clean(clean, sizeof(clean), report->origin->kernel));
	table_text(table, "clock", utf8_clean(clean, sizeof(clean), report->origin->clock));
	table_set(table, "from_ns", timeline->from_ns);
	table_set(table, "length_ns", timeline->to_ns - timeline->from_ns);
	table_set(table, "events", report->events);
}

static uint64_t longest(const struct timeline *timeline, const struct row *row)
{
	uint64_t longest_ns = 0;
	size_t i;

	for (i = row->first; i < row->first + row->count; i++) {
		const struct mark *mark = &timeline->marks[i];

		if (mark->kind == MARK_INVALIDATE &&
		    mark->end_ns - mark->begin_ns > longest_ns)
			longest_ns = mark->end_ns - mark->begin_ns;
	}
	return longest_ns;
}

static void report_buffer(struct table *table, const struct timeline *timeline,
			  const struct dmabuf *dmabuf)
{
	const struct row *rows = &timeline->rows[dmabuf->first];
	char clean[3 * WATCH_NAME_LEN];
	uint64_t importers = 0;
	size_t i;

	table_row(table);
	table_set(table, "buffer", dmabuf->number);
	for (i = 0; i < dmabuf->count; i++)
		importers += rows[i].kind == ROW_IMPORTER && rows[i].number;
	table_set(table, "importers", importers);
	table_set(table, "invalidations", dmabuf->invalidations);
	if (dmabuf->invalidations)
		table_set(table, "longest_ns", longest(timeline, rows));
	if (!dmabuf->began)
		return;
	table_text(table, "exporter", utf8_clean(clean, sizeof(clean), dmabuf->began->name));
	table_set(table, "size", dmabuf->began->size);
	table_set(table, "inode", dmabuf->began->inode);
}

static void report_buffers(struct document *document, const struct timeline *timeline)
{
	struct table *table = table_new(document, "buffers", "Buffers", LAYOUT_ROWS,
					buffer_columns);
	size_t i, told = 0;

	for (i = 0; i < timeline->dmabuf_count && told < FACTS_MOST; i++) {
		if (!timeline->dmabufs[i].number)
			continue;
		report_buffer(table, timeline, &timeline->dmabufs[i]);
		told++;
	}
}

static void report_wait(struct table *table, const struct timeline *timeline,
			const struct locked_wait *wait)
{
	const struct mark *longest = wait->longest;
	char who[LABEL_TEXT];

	table_row(table);
	table_set(table, "buffer", timeline->rows[wait->wait->row].buffer);
	table_text(table, "who", event_thread(who, wait->wait->event));
	table_set(table, "usage", (uint64_t)wait->wait->event->usage);
	table_set(table, "waited_ns", wait->wait->end_ns - wait->wait->begin_ns);
	if (wait->hold)
		table_set(table, "held_ns", wait->hold->end_ns - wait->hold->begin_ns);
	table_set(table, "others", wait->others);
	if (!longest)
		return;
	table_set(table, "longest_ns", longest->end_ns - longest->begin_ns);
	table_text(table, "longest_who", event_thread(who, longest->event));
}

static void report_waits(struct document *document, const struct report *report)
{
	const struct facts *facts = report->facts;
	struct table *table;
	size_t i;

	if (!facts->wait_count && !document_is_json(document))
		return;
	table = table_new(document, "locked_waits", "Waits for fences with the resv lock held",
			  LAYOUT_ROWS, wait_columns);
	for (i = 0; i < facts->wait_count; i++)
		report_wait(table, report->timeline, &facts->waits[i]);
}

static void report_refusal(struct table *table, const struct timeline *timeline,
			   const struct refusal *refusal)
{
	char text[LABEL_TEXT], device[3 * WATCH_NAME_LEN];

	utf8_clean(device, sizeof(device), refusal->first->device);
	table_row(table);
	table_set(table, "buffer", refusal->row->buffer);
	row_label(text, refusal->row);
	if (!refusal->row->number && *device)
		snprintf(text + strlen(text), LABEL_TEXT - strlen(text), ": %s", device);
	table_text(table, "who", text);
	table_text(table, "device", device);
	table_text(table, "call", watch_word(refusal->first->what));
	table_text(table, "error", errno_name(refusal->first->result));
	table_set(table, "times", refusal->times);
	table_set(table, "first_ns", refusal->first->time_ns);
	table_text(table, "first",
		   format_duration(text, refusal->first->time_ns - timeline->from_ns));
}

static void report_refusals(struct document *document, const struct report *report)
{
	const struct facts *facts = report->facts;
	struct table *table;
	size_t i;

	if (!facts->refusal_count && !document_is_json(document))
		return;
	table = table_new(document, "refused", "Calls that were refused", LAYOUT_ROWS,
			  refusal_columns);
	for (i = 0; i < facts->refusal_count; i++)
		report_refusal(table, report->timeline, &facts->refusals[i]);
}

static void report_notes(struct document *document, const struct report *report)
{
	struct table *table = table_new(document, "not_known", NULL, LAYOUT_ROWS, note_columns);
	struct notes notes;
	unsigned int i;

	notes_find(&notes, report->timeline, report->facts);
	for (i = 0; i < notes.count; i++) {
		table_row(table);
		table_text(table, "note", notes.text[i]);
	}
}

int summary_report(const struct report *report, bool json)
{
	struct document *document = document_new(json);

	report_recording(document, report);
	report_buffers(document, report->timeline);
	report_importers(document, report->facts);
	report_waits(document, report);
	report_refusals(document, report);
	report_notes(document, report);
	return document_print(document);
}
