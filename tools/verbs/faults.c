// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke faults */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/buffers/ids.h"
#include "lib/devices/ioctls.h"
#include "lib/devices/open.h"
#include "lib/text/message.h"
#include "lib/text/names.h"
#include "lib/text/options.h"
#include "lib/text/table.h"

static const struct column columns[] = {
	{ "id", "id", CELL_NUMBER, 0 },
	{ "faults", "faults set", CELL_HEX, 0 },
	{ "held", "somebody is blocked", CELL_BOOL, 0 },
	{ 0 },
};

struct faults {
	uint64_t id;
	uint64_t faults;
	uint32_t count;
	uint32_t error;
	bool await;
	uint64_t timeout_ns;
};

/* Nothing is asked of the buffer: that would wait for whoever is blocked. */
static int print(const struct faults *faults, bool json)
{
	struct document *document = document_new(json);
	struct table *table = table_new(document, "buffer", NULL, LAYOUT_RECORD, columns);

	table_row(table);
	table_set(table, "id", faults->id);
	if (faults->await)
		table_set(table, "held", true);
	else
		table_set(table, "faults", faults->faults);
	return document_print(document);
}

static int await(int exp, const struct faults *faults)
{
	uint64_t deadline_ns = faults->timeout_ns ? dr_deadline(faults->timeout_ns) : 0;
	int ret;

	do {
		ret = dr_faults_await(exp, faults->id, deadline_ns);
	} while (ret == -EINTR);
	return ret;
}

static int run(const struct faults *faults, bool json)
{
	int status, exp, ret;

	exp = open_exporter(&status);
	if (exp < 0)
		return status;
	if (faults->await)
		ret = await(exp, faults);
	else
		ret = dr_faults(exp, faults->id, faults->faults, faults->count,
				faults->error);
	close(exp);
	if (ret)
		return explain(ACT_FAULTS, ret, "faults %" PRIu64, faults->id);
	return print(faults, json);
}

/* Returns an enum status, after a message. */
static int parse_fault(const struct verb *verb, const char *text, uint64_t *faults)
{
	const struct choice *choice;

	for (choice = fault_choices; choice->name; choice++)
		if (!strcmp(choice->name, text)) {
			*faults |= choice->value;
			return STATUS_DONE;
		}
	return usage(verb, "'%s' is no fault; --help lists them", text);
}

int verb_faults(const struct verb *verb, int argc, char **argv)
{
	struct faults faults = { .timeout_ns = DEFAULT_TIMEOUT_NS };
	int count = 0, error = 0, status, i;
	bool json = false;
	const struct option_spec specs[] = {
		{ "count", OPTION_INTEGER, &count, "N",
		  "they end when they have happened N times; default 0: they do not", NULL },
		{ "error", OPTION_INTEGER, &error, "N",
		  "the errno of fail-*, as a number; default 12 (ENOMEM)", NULL },
		{ "await", OPTION_FLAG, &faults.await, NULL,
		  "set none: wait until somebody is blocked by hold-*", NULL },
		OPTION_TIMEOUT(faults.timeout_ns),
		OPTION_JSON(json),
		{ 0 },
	};
	struct arguments rest;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (!rest.count)
		return usage(verb, WHICH_BUFFER);
	if (faults.await && (rest.count > 1 || count || error))
		return usage(verb, "--await sets no faults");
	faults.count = (uint32_t)count;
	faults.error = (uint32_t)error;
	status = parse_id(verb, rest.values[0], &faults.id);
	for (i = 1; !status && i < rest.count; i++)
		status = parse_fault(verb, rest.values[i], &faults.faults);
	return status ? status : run(&faults, json);
}
