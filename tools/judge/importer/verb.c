// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke test-importer */
#include <unistd.h>

#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "judge/run.h"
#include "lib/devices/open.h"
#include "lib/process/handover.h"
#include "lib/text/message.h"
#include "lib/text/units.h"

static const struct scenario *const scenarios[] = {
	&revoke_mapped,
	&revoke_busy,
	&revoke_twice,
	NULL,
};

static int run(const struct verb *verb, char **program, struct importer_subject *subject,
	       const struct run_options *options)
{
	const struct suite suite = { scenarios, "importer" };
	struct judge judge = { .verb = verb, .program = program, .subject = subject,
			       .importer = -1 };
	int status;

	judge.exporter = open_exporter(&status);
	if (judge.exporter < 0)
		return status;
	status = run_suite(&suite, &judge, options);
	close(judge.exporter);
	return status;
}

int verb_test_importer(const struct verb *verb, int argc, char **argv)
{
	const struct suite suite = { scenarios, "importer" };
	struct importer_subject subject = { .length = 1 << 20 };
	struct run_options options = RUN_DEFAULTS;
	bool accept_legacy = false;
	const char *size = NULL;
	const struct option_spec specs[] = {
		RUN_LIST(options),
		RUN_SCENARIO(options),
		RUN_CLAUSE(options),
		{ "size", OPTION_TEXT, &size, "SIZE", "of each buffer; default 1M", NULL },
		{ "accept-legacy", OPTION_FLAG, &accept_legacy, NULL,
		  "let importers in that cannot be revoked", NULL },
		RUN_REPEAT(options),
		RUN_SEED(options),
		RUN_LIMIT(options),
		OPTION_JSON(options.json),
		RUN_KTAP(options),
		RUN_JUNIT(options),
		RUN_SVG(options),
		RUN_PERFETTO(options),
		{ 0 },
	};
	struct arguments rest;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (options.list)
		return run_list(&suite, options.json);
	if (!rest.count)
		return usage(verb, "a program that imports the buffer is needed, after --");
	if (size && parse_size(size, &subject.length))
		return usage(verb, "--size %s: a size is " SIZE_FORMS, size);
	if (accept_legacy)
		subject.flags |= DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY;
	return run(verb, rest.values, &subject, &options);
}
