// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke test-importer */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "judge/importer/scenarios.h"
#include "judge/importer/stage.h"
#include "judge/program/cgroup.h"
#include "judge/run.h"
#include "lib/devices/open.h"
#include "lib/process/handover.h"
#include "lib/text/message.h"
#include "lib/text/units.h"

static const struct scenario *const scenarios[] = {
	&refused, &revoked_before,
	&attach_fails, &pin_fails, &map_fails, &vmap_fails,
	&revoke_idle, &revoke_mapped, &revoke_busy, &revoke_twice, &revoke_waiting,
	&attaching, &detaching, &owner_dies,
	&move_used, &move_busy, &move_fenced,
	&suspend_restore, &suspend_again,
	&told_in_pin, &told_in_map,
	&fragmented, &beyond_4gib, &bare_table, &range,
	&stopped, &killed, &last_descriptor, &memory_limit,
	NULL,
};

static const struct suite suite = { scenarios, "importer" };

static int run(const struct verb *verb, char **program, struct importer_subject *subject,
	       const struct run_options *options)
{
	struct judge judge = { .verb = verb, .program = program, .subject = subject };
	struct dmabuf_revoke_exporter_info info;
	int status;

	judge.exporter = open_exporter(&status);
	if (judge.exporter < 0)
		return status;
	if (!dr_exporter_info(judge.exporter, &info))
		subject->maps_unpinned = info.features & DMABUF_REVOKE_FEATURE_MAP_UNPINNED;
	cgroup_clean_up();
	/* What needs it is left out where it is not loaded. */
	judge.importer = dr_open(DMABUF_REVOKE_IMPORTER_PATH);
	status = run_suite(&suite, &judge, options);
	if (judge.importer >= 0)
		close(judge.importer);
	close(judge.exporter);
	return status;
}

/* Digits, or "0x" and such, until @end; no signs, no blanks. */
static bool parse_number_until(const char *text, char end, uint64_t *value, const char **next)
{
	char *after;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &after, 0);
	*next = after + 1;
	return !errno && *after == end;
}

/* "OFFSET:LENGTH", of what the program is to use; it is told so in decimal. */
static bool parse_range(struct importer_subject *subject)
{
	static char decimal[64];
	const char *next;

	if (!subject->range)
		return true;
	if (!parse_number_until(subject->range, ':', &subject->range_offset, &next) ||
	    !parse_number_until(next, 0, &subject->range_length, &next))
		return false;
	if (!subject->range_length || subject->range_offset >= subject->length ||
	    subject->range_length > subject->length - subject->range_offset)
		return false;
	snprintf(decimal, sizeof(decimal), "%" PRIu64 ":%" PRIu64, subject->range_offset,
		 subject->range_length);
	subject->range = decimal;
	return true;
}

int verb_test_importer(const struct verb *verb, int argc, char **argv)
{
	struct importer_subject subject = { .length = 1 << 20 };
	struct run_options options = RUN_DEFAULTS;
	bool accept_legacy = false;
	const char *size = NULL;
	const struct option_spec own[] = {
		{ "size", OPTION_TEXT, &size, "SIZE", "of each buffer; default 1M", NULL },
		{ "accept-legacy", OPTION_FLAG, &accept_legacy, NULL,
		  "let importers in that cannot be revoked", NULL },
		{ "range", OPTION_TEXT, &subject.range, "RANGE",
		  "the program heeds DMABUF_REVOKE_RANGE: OFFSET:LENGTH, in bytes", NULL },
		{ 0 },
	};
	struct option_spec specs[sizeof(own) / sizeof(*own) + RUN_SPECS];
	struct arguments rest;
	int status;

	run_specs(specs, own, &options);
	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (options.list)
		return run_list(&suite, options.json);
	if (!rest.count)
		return usage(verb, "a program that imports the buffer is needed, after --");
	if (size && parse_size(size, &subject.length))
		return usage(verb, "--size %s: a size is " SIZE_FORMS, size);
	if (!parse_range(&subject))
		return usage(verb, "--range %s: OFFSET:LENGTH in bytes, within the buffer",
			     subject.range);
	if (accept_legacy)
		subject.flags |= DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY;
	return run(verb, rest.values, &subject, &options);
}
