// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke watch */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/text/message.h"
#include "lib/text/options.h"
#include "watch/source.h"

/* What is to be done with a recording. */
struct wishes {
	const char *from;
	const char *svg;
	const char *perfetto;
	bool summary;
	bool json;
};

static int show(const struct wishes *wishes, const struct watch_origin *origin,
		struct watch_list *list)
{
	if (wishes->json)
		lines_write(stdout, origin, list);
	return STATUS_DONE;
}

int verb_watch(const struct verb *verb, int argc, char **argv)
{
	struct wishes wishes = { 0 };
	const struct option_spec specs[] = {
		{ "from", OPTION_TEXT, &wishes.from, "FILE",
		  "show what was recorded into FILE; -: stdin", NULL },
		{ "summary", OPTION_FLAG, &wishes.summary, NULL,
		  "print what each buffer went through, in figures", NULL },
		{ "svg", OPTION_TEXT, &wishes.svg, "FILE",
		  "draw the timeline into FILE, too", NULL },
		{ "perfetto", OPTION_TEXT, &wishes.perfetto, "FILE",
		  "write it into FILE, too, for ui.perfetto.dev", NULL },
		{ "json", OPTION_FLAG, &wishes.json, NULL,
		  "print JSON lines, which --from reads; with --summary one document", NULL },
		{ 0 },
	};
	struct watch_origin origin = { "", "" };
	struct watch_list list = { 0 };
	struct arguments rest;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (rest.count)
		return usage(verb, "unexpected argument '%s'", rest.values[0]);
	if (!wishes.from)
		return usage(verb, "recording is not possible yet: give --from FILE");
	status = source_read(wishes.from, &origin, &list);
	if (!status)
		status = show(&wishes, &origin, &list);
	watch_list_free(&list);
	return status;
}
