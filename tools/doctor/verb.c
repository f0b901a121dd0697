// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke doctor */
#include <stddef.h>

#include "doctor/diagnosis.h"
#include "doctor/patients.h"
#include "lib/text/message.h"
#include "lib/text/options.h"
#include "lib/text/table.h"

static const struct choice result_choices[] = {
	{ "ok", RESULT_OK },
	{ "FAILED", RESULT_FAILED },
	{ "unknown", RESULT_UNKNOWN },
	{ NULL, 0 },
};

static const struct column check_columns[] = {
	{ "result", "RESULT", CELL_TEXT, 0 },
	{ "subject", "WHO", CELL_TEXT, 0 },
	{ "expected", "EXPECTED", CELL_TEXT, 0 },
	{ "observed", "OBSERVED", CELL_TEXT, 0 },
	{ "remedy", NULL, CELL_TEXT, 0 },
	{ 0 },
};

static const struct column verdict_columns[] = {
	{ "kernel", "kernel", CELL_TEXT, 0 },
	{ "checks", "checks", CELL_NUMBER, 0 },
	{ "failed", "failed", CELL_NUMBER, 0 },
	{ "ok", "all ok", CELL_BOOL, 0 },
	{ 0 },
};

static void report(struct document *document, const struct diagnosis *diagnosis)
{
	struct table *table = table_new(document, "checks", NULL, LAYOUT_ROWS,
					check_columns);
	unsigned int i;

	for (i = 0; i < diagnosis->count; i++) {
		const struct finding *finding = &diagnosis->findings[i];

		table_row(table);
		table_text(table, "result",
			   choice_name(result_choices, finding->result));
		table_text(table, "subject", finding->subject);
		table_text(table, "expected", finding->expected);
		table_text(table, "observed", finding->observed);
		if (*finding->remedy)
			table_text(table, "remedy", finding->remedy);
	}
	table = table_new(document, "verdict", NULL, LAYOUT_RECORD, verdict_columns);
	table_row(table);
	table_text(table, "kernel", diagnosis->kernel.release);
	table_set(table, "checks", diagnosis->count);
	table_set(table, "failed", diagnosis->failed);
	table_set(table, "ok", !diagnosis->failed);
}

static void complain_of_failures(const struct diagnosis *diagnosis)
{
	unsigned int i;

	for (i = 0; i < diagnosis->count; i++) {
		const struct finding *finding = &diagnosis->findings[i];

		if (finding->result == RESULT_FAILED)
			complain("%s: %s: %s", finding->subject, finding->observed,
				 finding->remedy);
	}
}

static int run(bool json)
{
	struct diagnosis diagnosis = { .status = STATUS_DONE };
	struct document *document = document_new(json);
	const struct patient *patient;
	int status;

	uname(&diagnosis.kernel);
	for (patient = patients; patient->subject; patient++)
		if (examine_module(&diagnosis, patient))
			examine_device(&diagnosis, patient);
	report(document, &diagnosis);
	status = document_print(document);
	complain_of_failures(&diagnosis);
	return status ? status : (int)diagnosis.status;
}

int verb_doctor(const struct verb *verb, int argc, char **argv)
{
	bool json = false;
	const struct option_spec specs[] = { OPTION_JSON(json), { 0 } };
	struct arguments rest;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count)
		return usage(verb, "unexpected argument '%s'", rest.values[0]);
	return run(json);
}
