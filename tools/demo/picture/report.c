// SPDX-License-Identifier: GPL-2.0-only
/* The demo's result as a timeline, or as JSON. All times since the revoke began. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "demo/judge.h"
#include "demo/observed.h"
#include "lib/text/bar.h"
#include "demo/picture/report.h"
#include "lib/text/message.h"
#include "lib/text/names.h"
#include "lib/text/table.h"
#include "lib/text/units.h"

#define NAME_WIDTH	17
#define LEGEND \
	"Timeline (# DMA, I invalidated, . DMA ended, U unmapped, S SIGBUS, D detached)"
#define FUNCTION_LEGEND \
	"The device (as above; ! DMA after its unmap, B blocked by the IOMMU, Q in the quarantine)"
/* Of the kernel's log, on a line. */
#define LOG_WIDTH	72

static const struct column demo_columns[] = {
	{ "file", "file", CELL_TEXT, 0 },
	{ "length", "length", CELL_SIZE, 0 },
	{ "crc32", "CRC-32", CELL_HEX, 0 },
	{ "id", "buffer", CELL_NUMBER, 0 },
	{ "accept_legacy", "accepts legacy importers", CELL_BOOL, 0 },
	{ "duration_ns", "DMA pass", CELL_DURATION, 0 },
	{ "streamed_ns", "DMA before the revoke", CELL_DURATION, 0 },
	{ "revoke_ns", "revoke took", CELL_DURATION, 0 },
	{ 0 },
};

static const struct column function_columns[] = {
	{ "name", "device", CELL_TEXT, 0 },
	{ "iommu", "IOMMU", CELL_TEXT, 0 },
	{ "engine", "engine", CELL_TEXT, 0 },
	{ "length", "reads", CELL_SIZE, 0 },
	{ "crc32", NULL, CELL_HEX, 0 },
	{ "address", "rogue mapped at", CELL_HEX, 0 },
	{ "log", NULL, CELL_TEXT, 0 },
	{ "log_begin", "kernel's log", CELL_BAR, 0 },
	{ "log_end", " ", CELL_BAR, 0 },
	{ "changed", "pages changed", CELL_NUMBER, 0 },
	{ "next", "next buffer intact", CELL_BOOL, 0 },
	{ 0 },
};

static const struct column check_columns[] = {
	{ "ok", NULL, CELL_BOOL, 0 },
	{ "result", "RESULT", CELL_BAR, 0 },
	{ "subject", "WHO", CELL_TEXT, NAME_WIDTH },
	{ "expected", "EXPECTED", CELL_TEXT, 0 },
	{ "observed", "OBSERVED", CELL_TEXT, 0 },
	{ 0 },
};

static const struct column verdict_columns[] = {
	{ "checks", "checks", CELL_NUMBER, 0 },
	{ "failed", "failed", CELL_NUMBER, 0 },
	{ "ok", "all ok", CELL_BOOL, 0 },
	{ 0 },
};

static struct scale scale_of(const struct demo *demo)
{
	const struct dmabuf_revoke_phases *phases = &demo->revoke.out.phases;
	struct scale scale = { phases->began_ns, 1, BAR_WIDTH };
	unsigned int i;

	scale.length_ns += phases->tell_ns + phases->zap_ns + phases->fences_ns +
			   phases->unmaps_ns + phases->give_back_ns;
	for (i = 0; i < demo->count; i++) {
		scale_reach(&scale, demo->importers[i].invalidated_ns);
		scale_reach(&scale, demo->importers[i].dma_ended_ns);
		scale_reach(&scale, demo->importers[i].unmapped_ns);
		scale_reach(&scale, demo->importers[i].detached_ns);
	}
	scale_reach(&scale, demo->reader.sigbus_ns);
	return scale;
}

static void set_time(struct table *table, const char *key, const struct scale *scale,
		     uint64_t time_ns)
{
	if (time_ns >= scale->from_ns && time_ns)
		table_set(table, key, time_ns - scale->from_ns);
}

static void report_phase(struct table *table, const struct scale *scale,
			 const char *name, uint64_t *start_ns, uint64_t took_ns)
{
	struct bar bar;

	bar_clear(&bar);
	bar_fill(&bar, scale, *start_ns, *start_ns + took_ns, '=');
	table_row(table);
	table_text(table, "phase", name);
	table_text(table, "bar", bar.cells);
	set_time(table, "start_ns", scale, *start_ns);
	table_set(table, "took_ns", took_ns);
	*start_ns += took_ns;
}

static void report_phases(struct document *document, const struct demo *demo,
			  const struct scale *scale)
{
	char head[BAR_TEXT];
	const struct column columns[] = {
		{ "phase", "PHASE", CELL_TEXT, NAME_WIDTH },
		{ "bar", scale_head(head, scale), CELL_BAR, BAR_WIDTH },
		{ "start_ns", "START", CELL_DURATION, 8 },
		{ "took_ns", "TOOK", CELL_DURATION, 9 },
		{ 0 },
	};
	const struct dmabuf_revoke_phases *phases = &demo->revoke.out.phases;
	struct table *table = table_new(document, "phases", "The revoke",
					LAYOUT_ROWS, columns);
	uint64_t start_ns = phases->began_ns;

	if (!start_ns)
		return;
	report_phase(table, scale, "invalidate", &start_ns, phases->tell_ns);
	report_phase(table, scale, "zap CPU mappings", &start_ns, phases->zap_ns);
	report_phase(table, scale, "wait for fences", &start_ns, phases->fences_ns);
	report_phase(table, scale, "wait for unmaps", &start_ns, phases->unmaps_ns);
	report_phase(table, scale, "release memory", &start_ns, phases->give_back_ns);
}

static struct bar importer_bar(const struct demo_importer *imp,
			       const struct scale *scale)
{
	uint64_t let_go = imp->unmapped_ns ? imp->unmapped_ns : imp->detached_ns;
	uint64_t ended = imp->dma_ended_ns ? imp->dma_ended_ns : let_go;
	uint64_t stopped = imp->faulted_ns ? imp->faulted_ns : imp->wrote_ns;
	struct bar bar;

	bar_clear(&bar);
	if (imp->running) {
		bar_fill(&bar, scale, ended, let_go, '.');
		bar_fill(&bar, scale, scale->from_ns, ended, '#');
	}
	if (stopped)
		bar_fill(&bar, scale, imp->unmapped_ns, stopped, '!');
	bar_mark(&bar, scale, imp->wrote_ns, 'Q');
	bar_mark(&bar, scale, imp->faulted_ns, 'B');
	bar_mark(&bar, scale, imp->invalidated_ns, 'I');
	bar_mark(&bar, scale, imp->detached_ns, 'D');
	bar_mark(&bar, scale, imp->unmapped_ns, 'U');
	return bar;
}

static void set_result(struct table *table, const char *key, int result)
{
	if (result != DEMO_UNTRIED)
		table_text(table, key, errno_name(result));
}

static void importer_end(char text[64], const struct demo_importer *imp,
			 const struct scale *scale)
{
	char time[UNITS_TEXT];

	if (imp->attach)
		snprintf(text, 64, "attach: %s", errno_name(imp->attach));
	else if (imp->detached_ns)
		snprintf(text, 64, "detached at %s",
			 format_duration(time, imp->detached_ns - scale->from_ns));
	else if (imp->faulted_ns)
		snprintf(text, 64, "blocked at %s",
			 format_duration(time, imp->faulted_ns - scale->from_ns));
	else if (imp->wrote_ns)
		snprintf(text, 64, "wrote to it");
	else if (imp->map == imp->submit)
		snprintf(text, 64, "map, DMA: %s", errno_name(imp->map));
	else
		snprintf(text, 64, "map: %s, DMA: %s", errno_name(imp->map),
			 errno_name(imp->submit));
}

static void report_importer(struct table *table, const struct demo_importer *imp,
			    const struct scale *scale)
{
	struct bar bar = importer_bar(imp, scale);
	char then[64];

	importer_end(then, imp, scale);
	table_row(table);
	table_text(table, "who", imp->name);
	table_text(table, "kind", choice_name(kind_choices, imp->kind));
	table_set(table, "defer_unmap", imp->defer_unmap);
	table_text(table, "bar", bar.cells);
	set_time(table, "told_ns", scale, imp->invalidated_ns);
	set_time(table, "dma_ended_ns", scale, imp->dma_ended_ns);
	set_time(table, "unmapped_ns", scale, imp->unmapped_ns);
	set_time(table, "detached_ns", scale, imp->detached_ns);
	set_time(table, "blocked_ns", scale, imp->faulted_ns);
	set_time(table, "wrote_ns", scale, imp->wrote_ns);
	if (!imp->attach && !imp->legacy) {
		table_set(table, "passes", imp->passes);
		table_set(table, "crc32", imp->crc32);
	}
	set_result(table, "attach", imp->attach);
	set_result(table, "map", imp->map);
	set_result(table, "submit", imp->submit);
	table_text(table, "then", then);
}

static void report_reader(struct table *table, const struct demo_reader *reader,
			  const struct scale *scale)
{
	char text[UNITS_TEXT], then[64] = "no SIGBUS";
	struct bar bar;

	if (reader->sigbus_ns >= scale->from_ns && reader->sigbus_ns)
		snprintf(then, sizeof(then), "SIGBUS at %s",
			 format_duration(text, reader->sigbus_ns - scale->from_ns));
	bar_clear(&bar);
	bar_mark(&bar, scale, reader->sigbus_ns, 'S');
	table_row(table);
	table_text(table, "who", "CPU mapping");
	table_text(table, "kind", "cpu");
	table_set(table, "defer_unmap", 0);
	table_text(table, "bar", bar.cells);
	table_set(table, "passes", reader->passes);
	set_time(table, "sigbus_ns", scale, reader->sigbus_ns);
	table_text(table, "then", then);
}

static struct table *new_timeline(struct document *document, const char *name,
				  const char *legend, const struct scale *scale)
{
	char head[BAR_TEXT];
	const struct column columns[] = {
		{ "who", "WHO", CELL_TEXT, NAME_WIDTH },
		{ "kind", NULL, CELL_TEXT, 0 },
		{ "defer_unmap", NULL, CELL_BOOL, 0 },
		{ "bar", scale_head(head, scale), CELL_BAR, BAR_WIDTH },
		{ "told_ns", "INVALIDATED", CELL_DURATION, 11 },
		{ "dma_ended_ns", "DMA ENDED", CELL_DURATION, 9 },
		{ "unmapped_ns", "UNMAPPED", CELL_DURATION, 8 },
		{ "detached_ns", NULL, CELL_DURATION, 0 },
		{ "sigbus_ns", NULL, CELL_DURATION, 0 },
		{ "blocked_ns", NULL, CELL_DURATION, 0 },
		{ "wrote_ns", NULL, CELL_DURATION, 0 },
		{ "passes", NULL, CELL_NUMBER, 0 },
		{ "crc32", NULL, CELL_HEX, 0 },
		{ "attach", NULL, CELL_TEXT, 0 },
		{ "map", NULL, CELL_TEXT, 0 },
		{ "submit", NULL, CELL_TEXT, 0 },
		{ "then", "THEN", CELL_BAR, 0 },
		{ 0 },
	};

	return table_new(document, name, legend, LAYOUT_ROWS, columns);
}

static void report_timeline(struct document *document, const struct demo *demo,
			    const struct scale *scale)
{
	struct table *table = new_timeline(document, "timeline", LEGEND, scale);
	unsigned int i;

	for (i = 0; i < demo->count; i++)
		report_importer(table, &demo->importers[i], scale);
	report_reader(table, &demo->reader, scale);
}

static struct scale scale_of_turn(const struct demo_turn *turn)
{
	struct scale scale = { turn->revoke.out.phases.began_ns, 1, BAR_WIDTH };

	scale_reach(&scale, turn->importer.unmapped_ns);
	scale_reach(&scale, turn->importer.faulted_ns);
	scale_reach(&scale, turn->importer.wrote_ns);
	return scale;
}

/* Each from the begin of its own revoke, and both as long as the longer one. */
static void report_turns(struct document *document, const struct demo_function *function)
{
	struct scale behaved = scale_of_turn(&function->behaved);
	struct scale rogue = scale_of_turn(&function->rogue);
	struct table *table;

	scale_reach(&rogue, rogue.from_ns + behaved.length_ns);
	behaved.length_ns = rogue.length_ns;
	table = new_timeline(document, "device_timeline", FUNCTION_LEGEND, &rogue);
	report_importer(table, &function->behaved.importer, &behaved);
	report_importer(table, &function->rogue.importer, &rogue);
}

/* In two lines, since one is too long for most terminals. */
static void set_log(struct table *table, const char *line)
{
	char begin[LOG_WIDTH + 1];
	size_t length = strlen(line);

	if (!length)
		return;
	table_text(table, "log", line);
	if (length > LOG_WIDTH)
		for (length = LOG_WIDTH; length && line[length] != ' '; length--)
			continue;
	snprintf(begin, sizeof(begin), "%.*s", (int)length, line);
	table_text(table, "log_begin", begin);
	line += length;
	if (*line)
		table_text(table, "log_end", line + strspn(line, " "));
}

static void report_function(struct document *document,
			    const struct demo_function *function)
{
	struct table *table;

	report_turns(document, function);
	table = table_new(document, "device", NULL, LAYOUT_RECORD, function_columns);
	table_row(table);
	table_text(table, "name", function->name);
	table_text(table, "iommu", iommu_name(function->device.iommu));
	table_text(table, "engine", choice_name(engine_choices, function->engine));
	table_set(table, "length", function->length);
	table_set(table, "crc32", function->crc32);
	table_set(table, "address", function->rogue.address);
	set_log(table, function->log);
	if (function->rogue.checked)
		table_set(table, "changed", function->rogue.changed);
	table_set(table, "next", !function->next && function->next_crc32 == function->crc32);
}

static void report_checks(struct document *document,
			  const struct demo_verdict *verdict)
{
	struct table *table = table_new(document, "checks", "Checks", LAYOUT_ROWS,
					check_columns);
	unsigned int i;

	for (i = 0; i < verdict->count; i++) {
		const struct demo_check *check = &verdict->checks[i];

		table_row(table);
		table_set(table, "ok", check->ok);
		table_text(table, "result", check->ok ? "ok" : "FAILED");
		table_text(table, "subject", check->subject);
		table_text(table, "expected", check->expected);
		table_text(table, "observed", check->observed);
	}
	table = table_new(document, "verdict", NULL, LAYOUT_RECORD, verdict_columns);
	table_row(table);
	table_set(table, "checks", verdict->count);
	table_set(table, "failed", verdict->failed);
	table_set(table, "ok", !verdict->failed);
}

static void report_subject(struct document *document, const struct demo *demo)
{
	struct table *table = table_new(document, "demo", NULL, LAYOUT_RECORD,
					demo_columns);

	table_row(table);
	table_text(table, "file", demo->path);
	table_set(table, "length", demo->length);
	table_set(table, "crc32", demo->crc32);
	table_set(table, "id", demo->id);
	table_set(table, "accept_legacy", demo->accept_legacy);
	table_set(table, "duration_ns", demo->duration_ns);
	table_set(table, "streamed_ns", demo->streamed_ns);
	table_set(table, "revoke_ns", demo->revoke.returned_ns - demo->revoke.called_ns);
}

int demo_report(const struct demo *demo, const struct demo_verdict *verdict, bool json)
{
	struct document *document = document_new(json);
	const struct scale scale = scale_of(demo);

	report_subject(document, demo);
	report_phases(document, demo, &scale);
	report_timeline(document, demo, &scale);
	if (demo->function.name)
		report_function(document, &demo->function);
	report_checks(document, verdict);
	return document_print(document);
}
