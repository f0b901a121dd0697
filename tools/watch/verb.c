// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke watch */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/text/message.h"
#include "lib/text/options.h"
#include "watch/record/asked.h"
#include "watch/source.h"
#include "watch/summary/notes.h"
#include "watch/summary/report.h"
#include "watch/view/perfetto.h"
#include "watch/view/picture.h"
#include "watch/svg/page.h"

/* What is to be done with a recording. */
struct wishes {
	const char *from;
	const char *svg;
	const char *perfetto;
	struct choice_of choice;
	bool summary;
	bool json;
};

struct recording {
	struct watch_origin origin;
	struct watch_list list;
};

struct view {
	const struct wishes *wishes;
	const struct recording *recording;
	const struct timeline *timeline;
	const struct facts *facts;
	const char *lost;
};

static void write_svg(FILE *out, const struct view *view)
{
	const struct page page = {
		.origin = &view->recording->origin, .timeline = view->timeline,
		.facts = view->facts, .choice = &view->wishes->choice, .lost = view->lost,
	};

	page_draw(out, &page);
}

static void write_perfetto(FILE *out, const struct view *view)
{
	const struct tracks tracks = {
		.origin = &view->recording->origin, .timeline = view->timeline,
		.buffer = view->wishes->choice.buffer, .lost = view->lost,
	};

	perfetto_write(out, &tracks);
}

/* Nothing, if @path is NULL. A file that is not complete is no use. */
static int write_file(const char *path, const struct view *view,
		      void (*write)(FILE *out, const struct view *view))
{
	FILE *out = path ? fopen(path, "we") : NULL;
	bool failed;

	if (!path)
		return STATUS_DONE;
	if (!out)
		return explain(ACT_OTHER, errno, "watch: %s", path);
	errno = 0;
	write(out, view);
	failed = ferror(out);
	if (!fclose(out) && !failed)
		return STATUS_DONE;
	return explain(ACT_OTHER, errno ? errno : EIO, "watch: writing %s", path);
}

static int print(const struct view *view)
{
	const struct recording *recording = view->recording;
	const struct report report = {
		.origin = &recording->origin, .timeline = view->timeline,
		.facts = view->facts, .events = recording->list.count,
		.dropped = recording->list.dropped,
	};

	if (view->wishes->summary)
		return summary_report(&report, view->wishes->json);
	if (!view->wishes->json)
		return picture_print(view->timeline, view->facts, &view->wishes->choice,
				     view->lost);
	lines_write(stdout, &recording->origin, &recording->list);
	return STATUS_DONE;
}

static int show_all(const struct view *view)
{
	/* What was recorded cannot be recorded again: whatever fails, the rest is written. */
	int svg = write_file(view->wishes->svg, view, write_svg);
	int perfetto = write_file(view->wishes->perfetto, view, write_perfetto);
	int printed = print(view);

	return svg ? svg : perfetto ? perfetto : printed;
}

static int show(const struct wishes *wishes, struct recording *recording)
{
	struct timeline timeline = { 0 };
	struct facts facts = { 0 };
	char lost[NOTE_TEXT];
	const struct view view = { wishes, recording, &timeline, &facts, lost };
	int ret = watch_list_sort(&recording->list);
	int status;

	if (!ret)
		ret = timeline_build(&timeline, &recording->list);
	if (!ret)
		ret = facts_find(&facts, &timeline);
	notes_lost(lost, &timeline, recording->list.dropped);
	status = ret ? explain(ACT_OTHER, ret, "watch: making a timeline") : show_all(&view);
	facts_free(&facts);
	timeline_free(&timeline);
	return status;
}

static int record(const struct verb *verb, const struct asked *asked,
		  const struct arguments *rest, bool quiet, struct recording *recording)
{
	struct watch_origin *origin = &recording->origin;
	struct utsname running;

	if (!uname(&running))
		snprintf(origin->kernel, sizeof(origin->kernel), "%.63s", running.release);
	strcpy(origin->clock, "monotonic");
	return asked_record(verb, asked, rest, quiet, &recording->list);
}

int verb_watch(const struct verb *verb, int argc, char **argv)
{
	struct asked asked = ASKED_NOTHING;
	struct wishes wishes = { 0 };
	int buffer = 0;
	const struct option_spec specs[] = {
		{ "from", OPTION_TEXT, &wishes.from, "FILE",
		  "show what was recorded into FILE, a trace.dat maybe; -: stdin", NULL },
		{ "buffer", OPTION_INTEGER, &buffer, "N",
		  "draw this one only; default all", NULL },
		{ "whole", OPTION_FLAG, &wishes.choice.whole, NULL,
		  "draw all of the time, not only around the invalidations", NULL },
		{ "summary", OPTION_FLAG, &wishes.summary, NULL,
		  "print what each buffer went through, in figures", NULL },
		{ "svg", OPTION_TEXT, &wishes.svg, "FILE",
		  "draw the timeline into FILE, too", NULL },
		{ "perfetto", OPTION_TEXT, &wishes.perfetto, "FILE",
		  "write it into FILE, too, for ui.perfetto.dev", NULL },
		{ "json", OPTION_FLAG, &wishes.json, NULL,
		  "print JSON lines, which --from reads; with --summary one document", NULL },
		ASKED_FD(asked),
		ASKED_PID(asked),
		ASKED_ID(asked),
		ASKED_EXPORTER(asked),
		ASKED_RING(asked),
		ASKED_OFFSETS(asked),
		ASKED_OWN(asked),
		{ 0 },
	};
	struct recording recording = { 0 };
	struct arguments rest;
	int status;

	if (!options_parse(verb, specs, argc, argv, &rest, &status))
		return status;
	if (wishes.from && (rest.count || asked_anything(&asked)))
		return usage(verb, "--from shows a recording, and records nothing");
	wishes.choice.buffer = (uint64_t)buffer;
	if (wishes.from)
		status = source_read(wishes.from, &recording.origin, &recording.list);
	else
		status = record(verb, &asked, &rest, wishes.json, &recording);
	if (!status)
		status = show(&wishes, &recording);
	watch_list_free(&recording.list);
	return status;
}
