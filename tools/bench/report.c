// SPDX-License-Identifier: GPL-2.0-only
/* The report: for people figures come as they are measured, after what they are about. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/exporters.h"
#include "bench/machine.h"
#include "bench/report.h"
#include "bench/run.h"
#include "bench/summary.h"
#include "lib/text/message.h"
#include "lib/text/options.h"
#include "lib/text/table.h"
#include "lib/text/units.h"

static const struct choice time_choices[] = {
	{ "real", BENCH_REAL },
	{ "emulated", BENCH_EMULATED },
	{ "instructions", BENCH_INSTRUCTIONS },
	{ NULL, 0 },
};

static const char *const time_meanings[] = {
	[BENCH_REAL] = "real",
	[BENCH_EMULATED] = "emulated: compare within this run only, and roughly",
	[BENCH_INSTRUCTIONS] = "the emulator's: 1 ns is one instruction of the guest",
};

static const struct column machine_columns[] = {
	{ "box", "machine", CELL_TEXT, 0 },
	{ "cpu", "CPU", CELL_TEXT, 0 },
	{ "cpus", "CPUs online", CELL_NUMBER, 0 },
	{ "memory", "memory", CELL_SIZE, 0 },
	{ "hypervisor", "hypervisor", CELL_TEXT, 0 },
	{ "kernel", "kernel", CELL_TEXT, 0 },
	{ "build", "its build", CELL_TEXT, 0 },
	{ "options", "its options", CELL_TEXT, 0 },
	{ "clock", "clock", CELL_TEXT, 0 },
	{ "time", NULL, CELL_TEXT, 0 },
	{ "meaning", "time is", CELL_BAR, 0 },
	{ "version", "dmabuf-revoke", CELL_TEXT, 0 },
	{ "short", "short form", CELL_BOOL, 0 },
	{ "budget_ns", "time for each comparison", CELL_DURATION, 0 },
	{ "faults", "faults of our buffers", CELL_NUMBER, 0 },
	{ 0 },
};

static const struct column contender_columns[] = {
	{ "name", "CONTENDER", CELL_TEXT, 0 },
	{ "there", "THERE", CELL_BOOL, 0 },
	{ "error", "ERROR", CELL_TEXT, 0 },
	{ "remedy", "IT TAKES", CELL_TEXT, 0 },
	{ 0 },
};

static const struct column figure_columns[] = {
	{ "group", "GROUP", CELL_TEXT, 6 },
	{ "figure", "FIGURE", CELL_TEXT, 39 },
	{ "contender", "BY", CELL_TEXT, 11 },
	{ "parameter", NULL, CELL_TEXT, 0 },
	{ "value", NULL, CELL_NUMBER, 0 },
	{ "at", "AT", CELL_BAR, 18 },
	{ "median_ns", "MEDIAN", CELL_DURATION, 8 },
	{ "min_ns", "MIN", CELL_DURATION, 8 },
	{ "p99_ns", "P99", CELL_DURATION, 8 },
	{ "spread_ns", "SPREAD", CELL_DURATION, 8 },
	{ "times", "TIMES", CELL_NUMBER, 5 },
	{ 0 },
};

static const struct column memory_columns[] = {
	{ "object", "ONE MORE", CELL_TEXT, 0 },
	{ "contender", "BY", CELL_TEXT, 0 },
	{ "objects", "OF", CELL_NUMBER, 0 },
	{ "bytes", "TAKES", CELL_SIZE, 0 },
	{ 0 },
};

static const struct column skipped_columns[] = {
	{ "group", "GROUP", CELL_TEXT, 0 },
	{ "contender", "BY", CELL_TEXT, 0 },
	{ "parameter", NULL, CELL_TEXT, 0 },
	{ "value", NULL, CELL_NUMBER, 0 },
	{ "at", "AT", CELL_BAR, 0 },
	{ "reason", "NOT MEASURED", CELL_TEXT, 0 },
	{ 0 },
};

static void report_machine(struct document *document, const struct bench *bench)
{
	const struct machine *machine = &bench->machine;
	struct table *table = table_new(document, "machine", NULL, LAYOUT_RECORD,
					machine_columns);

	table_row(table);
	if (*machine->box)
		table_text(table, "box", machine->box);
	table_text(table, "cpu", machine->cpu);
	table_set(table, "cpus", machine->cpus);
	table_set(table, "memory", machine->memory);
	if (*machine->hypervisor)
		table_text(table, "hypervisor", machine->hypervisor);
	table_text(table, "kernel", machine->kernel);
	table_text(table, "build", machine->build);
	table_text(table, "options", machine->options);
	table_text(table, "clock", machine->clock);
	table_text(table, "time", choice_name(time_choices, machine->time));
	table_text(table, "meaning", time_meanings[machine->time]);
	table_text(table, "version", VERSION);
	table_set(table, "short", bench->brief);
	table_set(table, "budget_ns", bench->budget_ns);
	table_set(table, "faults", bench->faults);
}

static void report_contenders(struct document *document, const struct bench *bench)
{
	struct table *table = table_new(document, "contenders", NULL, LAYOUT_ROWS,
					contender_columns);
	unsigned int i;

	for (i = 0; i < BENCH_EXPORTERS; i++) {
		const struct foreign_exporter *foreign = bench_exporters[i].foreign;

		table_row(table);
		table_text(table, "name", bench_exporters[i].name);
		table_set(table, "there", bench->nodes[i] >= 0);
		/* Without ours there is no report. */
		if (!foreign || bench->nodes[i] >= 0)
			continue;
		table_text(table, "error", errno_name(bench->nodes[i]));
		table_text(table, "remedy", foreign->needs);
	}
}

struct document *bench_report_begin(struct bench *bench)
{
	struct document *document = document_new(bench->json);

	report_machine(document, bench);
	report_contenders(document, bench);
	if (!bench->json) {
		document_print(document);
		putchar('\n');
		document = document_new(false);
	}
	bench->document = document;
	bench->figures = table_new(document, "figures", NULL, LAYOUT_ROWS, figure_columns);
	bench->memory = table_new(document, "memory", NULL, LAYOUT_ROWS, memory_columns);
	bench->skipped = table_new(document, "skipped", NULL, LAYOUT_ROWS, skipped_columns);
	return document;
}

/* "64 KiB", "16 attachments", "1 attachment" */
static void set_value(struct table *table, const char *parameter, uint64_t value)
{
	char text[64];

	table_text(table, "parameter", parameter);
	table_set(table, "value", value);
	if (!strcmp(parameter, "bytes"))
		format_size(text, value);
	else
		snprintf(text, sizeof(text), "%" PRIu64 " %.*s", value,
			 (int)strlen(parameter) - (value == 1), parameter);
	table_text(table, "at", text);
}

void bench_report_skipped(struct bench *bench, const char *group,
			  const char *contender, const char *parameter,
			  uint64_t value, const char *format, ...)
{
	char *reason = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&reason, format, args) < 0)
		reason = NULL;
	va_end(args);
	table_row(bench->skipped);
	table_text(bench->skipped, "group", group);
	table_text(bench->skipped, "contender", contender);
	set_value(bench->skipped, parameter, value);
	table_text(bench->skipped, "reason", reason ? reason : format);
	free(reason);
}

void bench_report_figure(struct bench *bench, const char *group,
			 const struct lane *lane, const char *figure,
			 const struct summary *summary)
{
	struct table *table = bench->figures;

	table_row(table);
	table_text(table, "group", group);
	table_text(table, "figure", figure);
	table_text(table, "contender", lane->contender);
	set_value(table, lane->parameter, lane->value);
	table_set(table, "median_ns", summary->median_ns);
	table_set(table, "min_ns", summary->min_ns);
	table_set(table, "p99_ns", summary->p99_ns);
	table_set(table, "spread_ns", summary->spread_ns);
	table_set(table, "times", summary->times);
	if (!bench->json)
		table_print_row(table, bench->rows);
	bench->rows++;
}

void bench_report_memory(struct bench *bench, const char *object,
			 const char *contender, unsigned int objects,
			 uint64_t bytes)
{
	table_row(bench->memory);
	table_text(bench->memory, "object", object);
	table_text(bench->memory, "contender", contender);
	table_set(bench->memory, "objects", objects);
	table_set(bench->memory, "bytes", bytes);
}
