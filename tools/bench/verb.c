// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke bench */
#include <string.h>
#include <unistd.h>

#include "bench/exporters.h"
#include "bench/groups.h"
#include "bench/machine.h"
#include "bench/report.h"
#include "bench/run.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/options.h"
#include "lib/text/table.h"
#include "lib/text/units.h"

#define DEFAULT_BUDGET_NS	1000000000ULL
#define BRIEF_BUDGET_NS		(10 * 1000000ULL)

struct group {
	const char *name;
	int (*run)(struct bench *bench);
};

/* In this order. */
static const struct group groups[] = {
	{ "memory", bench_group_memory },
	{ "alloc", bench_group_alloc },
	{ "attach", bench_group_attach },
	{ "mmap", bench_group_mmap },
	{ "revoke", bench_group_revoke },
	{ "dma", bench_group_dma },
	{ "cpus", bench_group_cpus },
	{ "many", bench_group_many },
	{ 0 },
};

static bool is_group(const char *name)
{
	const struct group *group;

	for (group = groups; group->name; group++)
		if (!strcmp(group->name, name))
			return true;
	return false;
}

/* Those that are named; without names all. */
static bool is_chosen(const struct group *group, const struct arguments *names)
{
	int i;

	for (i = 0; i < names->count; i++)
		if (!strcmp(group->name, names->values[i]))
			return true;
	return !names->count;
}

static int wrong_group(const struct verb *verb, const char *name)
{
	const struct group *group;
	char known[128] = "";

	for (group = groups; group->name; group++) {
		strcat(known, group == groups ? "" : ", ");
		strcat(known, group->name);
	}
	return usage(verb, "'%s' is none of: %s", name, known);
}

/* Ours have to be there; of the others it is said. */
static int open_all(struct bench *bench)
{
	int status, i;

	bench->nodes[BENCH_OURS] = open_exporter(&status);
	if (bench->nodes[BENCH_OURS] < 0)
		return status;
	bench->imp = open_importer(&status);
	if (bench->imp < 0)
		return status;
	for (i = BENCH_OURS + 1; i < BENCH_EXPORTERS; i++)
		bench->nodes[i] = bench_exporters[i].foreign->open();
	return STATUS_DONE;
}

static int run(struct bench *bench, const struct arguments *names)
{
	const struct group *group;
	struct document *document;
	int ret = 0, status = open_all(bench);

	if (status)
		return status;
	bench_machine(&bench->machine);
	document = bench_report_begin(bench);
	for (group = groups; !ret && group->name; group++)
		if (is_chosen(group, names))
			ret = group->run(bench);
	status = document_print(document);
	return ret ? explain(ACT_OTHER, ret, "bench: ended early") : status;
}

int verb_bench(const struct verb *verb, int argc, char **argv)
{
	struct bench bench = { 0 };
	uint64_t budget_ns = UINT64_MAX;
	int faults = 0, status, i;
	const struct option_spec specs[] = {
		{ "short", OPTION_FLAG, &bench.brief, NULL,
		  "measure at few values, for a budget of 10ms", NULL },
		{ "budget", OPTION_DURATION, &budget_ns, "DURATION",
		  "repeat each comparison for so long, 5 times at least; default 1s", NULL },
		{ "faults", OPTION_INTEGER, &faults, "SUM",
		  "what deliberate bugs of our buffers cost: DMABUF_REVOKE_FAULT_*", NULL },
		OPTION_JSON(bench.json),
		{ 0 },
	};
	struct arguments names;

	if (!options_parse(verb, specs, argc, argv, &names, &status))
		return status;
	for (i = 0; i < names.count; i++)
		if (!is_group(names.values[i]))
			return wrong_group(verb, names.values[i]);
	bench.faults = faults;
	bench.budget_ns = budget_ns != UINT64_MAX ? budget_ns :
			  bench.brief ? BRIEF_BUDGET_NS : DEFAULT_BUDGET_NS;
	return run(&bench, &names);
}
