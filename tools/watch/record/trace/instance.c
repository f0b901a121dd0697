// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <tracefs.h>

#include "lib/process/left.h"
#include "lib/text/message.h"
#include "watch/record/trace/instance.h"

#define PREFIX	"dmabuf_revoke_watch_"

static void remove_trace(const char *name)
{
	struct tracefs_instance *tracefs = tracefs_instance_create(name);

	if (!tracefs)
		return;
	tracefs_trace_off(tracefs);
	/* Its events go off with it. */
	tracefs_instance_destroy(tracefs);
	tracefs_instance_free(tracefs);
}

/* All of the group in one go. */
static void remove_probes(const char *group)
{
	char line[80];

	snprintf(line, sizeof(line), "-:%s/\n", group);
	tracefs_instance_file_append(NULL, "kprobe_events", line);
}

static void each_left(char **names, void (*act)(const char *name))
{
	int i;

	for (i = 0; names && names[i]; i++)
		if (is_left(names[i], PREFIX))
			act(names[i]);
	tracefs_list_free(names);
}

void instance_clean_up(void)
{
	each_left(tracefs_instances(PREFIX), remove_trace);
	/* An event can be removed once no instance has it. */
	each_left(tracefs_event_systems(NULL), remove_probes);
}

static int failed(const char *what)
{
	return explain(ACT_OTHER, errno ? errno : EIO, "watch: %s", what);
}

int instance_make(struct instance *instance, uint64_t bytes_per_cpu)
{
	size_t kib = (size_t)((bytes_per_cpu + 1023) / 1024);

	left_name(instance->name, sizeof(instance->name), PREFIX);
	instance->tracefs = tracefs_instance_create(instance->name);
	if (!instance->tracefs)
		return failed("making an instance of tracefs");
	errno = 0;
	if (tracefs_trace_off(instance->tracefs) < 0)
		return failed("tracing_on");
	if (tracefs_instance_set_buffer_size(instance->tracefs, kib, -1))
		return failed("the trace's buffers: --ring takes less memory");
	if (tracefs_instance_file_write(instance->tracefs, "trace_clock", "mono") < 0)
		return failed("the trace's clock");
	return STATUS_DONE;
}

/* Ours in one go, since each by itself takes longer. */
int instance_start(const struct instance *instance, const struct sources *sources)
{
	size_t i;

	errno = 0;
	if (tracefs_event_enable(instance->tracefs, instance->name, NULL))
		return failed("enabling the probes");
	for (i = 0; i < sources->count; i++) {
		const struct source *source = &sources->rows[i];

		if (strcmp(source->system, instance->name) &&
		    tracefs_event_enable(instance->tracefs, source->system, source->event))
			complain("watch: the events %s:%s cannot be had (%s)", source->system,
				 source->event, errno_name(errno));
	}
	if (tracefs_trace_on(instance->tracefs) < 0)
		return failed("tracing_on");
	return STATUS_DONE;
}

void instance_stop(const struct instance *instance)
{
	tracefs_trace_off(instance->tracefs);
}

void instance_remove(struct instance *instance)
{
	if (!instance->tracefs)
		return;
	tracefs_instance_free(instance->tracefs);
	instance->tracefs = NULL;
	remove_trace(instance->name);
	remove_probes(instance->name);
}
