// SPDX-License-Identifier: GPL-2.0-only
#include "lib/text/message.h"
#include "lib/text/units.h"
#include "watch/record/asked.h"
#include "watch/record/run.h"

/* tracefs counts KiB in an int. */
#define RING_MOST	(1024ULL * 1024 * 1024 * 1024)

static int parse_ring(const struct verb *verb, const char *text, uint64_t *ring)
{
	if (!text)
		return STATUS_DONE;
	if (parse_size(text, ring))
		return usage(verb, "--ring: '%s' is not a size; write it as %s", text,
			     SIZE_FORMS);
	return *ring > RING_MOST ? usage(verb, "--ring: at most 1T") : STATUS_DONE;
}

int asked_record(const struct verb *verb, const struct asked *asked,
		 const struct arguments *rest, bool quiet, struct watch_list *out)
{
	struct record_options options = {
		.verb = verb,
		.program = rest->count ? rest->values : NULL,
		.quiet = quiet,
		.ring = RECORD_RING,
		.offsets = asked->offsets,
		.own = asked->own,
		.choosing = asked->choosing,
	};
	int status;

	if (rest->count && !rest->dashes)
		return usage(verb, "unexpected argument '%s'; a program comes after --",
			     rest->values[0]);
	if (rest->dashes && !rest->count)
		return usage(verb, "no program after --");
	if (asked->own && asked->offsets)
		return usage(verb, "--own needs no --offsets");
	status = parse_ring(verb, asked->ring, &options.ring);
	return status ? status : record_run(&options, out);
}

bool asked_anything(const struct asked *asked)
{
	const struct choosing *choosing = &asked->choosing;

	return choosing->fd >= 0 || choosing->pid >= 0 || choosing->id ||
	       choosing->exporter || asked->ring || asked->offsets ||
	       asked->own;
}
