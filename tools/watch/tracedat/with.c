// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trace-cmd.h>

#include "lib/text/message.h"
#include "watch/record/join/stream.h"
#include "watch/record/trace/decode.h"
#include "watch/record/trace/events.h"
#include "watch/record/trace/probes.h"
#include "watch/tracedat/entries.h"

/* Of a group of probes, as watch itself names it. */
#define GROUP	"dmabuf_revoke_watch_"

#define END	"_end"

struct reading {
	struct tep_handle *tep;
	struct sources sources;
	struct decoder *decoder;
	struct raws raws;
	int ret;
};

bool entries_can(const char *name)
{
	(void)name;
	return true;
}

static bool is_there(void *context, const char *system, const char *event)
{
	return tep_find_event_by_name(context, system, event);
}

static bool is_probe(const struct tep_event *event, const char *group)
{
	return event->system && event->name && !strcmp(event->system, group);
}

/* The first one's; a recording of two would have everything twice. */
static const char *find_group(struct tep_event **events)
{
	for (; *events; events++)
		if ((*events)->system && !strncmp((*events)->system, GROUP, strlen(GROUP)))
			return (*events)->system;
	return NULL;
}

/* Where it begins, or, of what has an end only, that. */
static int add_probe(struct sources *sources, const char *group, const char *event)
{
	char name[64];
	size_t i, length = strlen(event);

	if (length >= sizeof(name))
		return 0;
	strcpy(name, event);
	if (length > strlen(END) && !strcmp(name + length - strlen(END), END))
		name[length - strlen(END)] = '\0';
	for (i = 0; i < sources->count; i++)
		if (!strcmp(sources->rows[i].system, group) &&
		    (!strcmp(sources->rows[i].event, name) ||
		     !strcmp(sources->rows[i].event, event)))
			return 0;
	return probes_add(sources, group, name);
}

static int find_sources(struct reading *reading)
{
	struct tep_event **events = tep_list_events(reading->tep, TEP_EVENT_SORT_ID);
	const char *group = events ? find_group(events) : NULL;
	int ret = 0;

	for (; group && *events && !ret; events++)
		if (is_probe(*events, group))
			ret = add_probe(&reading->sources, group, (*events)->name);
	return ret ? ret : events_add(&reading->sources, is_there, reading->tep, !group);
}

static int add(struct reading *reading, const struct raw *raw)
{
	if (!reading->ret)
		reading->ret = raws_add(&reading->raws, raw);
	return reading->ret;
}

static int take(struct tracecmd_input *input, struct tep_record *record, int cpu, void *context)
{
	struct reading *reading = context;
	struct raw raw;

	(void)input;
	(void)cpu;
	if (record->missed_events) {
		/* It is not always known how many. */
		raw = (struct raw){ .time_ns = record->ts, .kind = RAW_LOST, .size = 1 };
		if (record->missed_events > 0)
			raw.size = (uint64_t)record->missed_events;
		add(reading, &raw);
	}
	if (decoder_read(reading->decoder, record, &raw))
		add(reading, &raw);
	return reading->ret;
}

/* Those that were there say so when something happens to them. */
static int join(struct reading *reading, struct watch_list *list)
{
	const struct raws *raws = &reading->raws;
	const struct chosen all = { 0 };
	struct stream stream = { .sources = &reading->sources, .chosen = &all, .out = list };

	stream_run(&stream, raws, raws->count ? raws->rows[raws->count - 1].time_ns : 0);
	stream_free(&stream);
	list->dropped += raws->dropped;
	return stream.ret;
}

static int read_all(struct reading *reading, struct tracecmd_input *input,
		    struct watch_list *list)
{
	int ret;

	reading->tep = tracecmd_get_tep(input);
	ret = find_sources(reading);
	if (ret)
		return ret;
	reading->decoder = decoder_make(reading->tep, &reading->sources);
	if (!reading->decoder)
		return -ENOMEM;
	if (tracecmd_iterate_events(input, NULL, 0, take, reading) && !reading->ret)
		return -EIO;
	if (reading->ret)
		return reading->ret;
	decoder_name(reading->decoder, &reading->raws);
	ret = raws_sort(&reading->raws);
	return ret ? ret : join(reading, list);
}

int entries_read(int file, const char *name, struct watch_list *list)
{
	struct reading reading = { 0 };
	struct tracecmd_input *input;
	int ret;

	/* A plugin is a program that the file has no need of. */
	tracecmd_set_loglevel(TEP_LOG_NONE);
	tep_set_loglevel(TEP_LOG_NONE);
	input = tracecmd_open_fd(dup(file), TRACECMD_FL_LOAD_NO_PLUGINS);
	if (!input) {
		complain("watch: %s is broken, or not the trace.dat of a version that %s", name,
			 "libtracecmd knows");
		return STATUS_FAILED;
	}
	ret = read_all(&reading, input, list);
	decoder_free(reading.decoder);
	free(reading.raws.rows);
	free(reading.sources.rows);
	tracecmd_close(input);
	return ret ? explain(ACT_OTHER, ret, "watch: %s", name) : STATUS_DONE;
}
