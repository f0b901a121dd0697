// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tracefs.h>

#include "watch/record/trace/losses.h"

static uint64_t count_in_stats(const char *stats)
{
	static const char *const names[] = { "overrun: ", "commit overrun: ", "dropped events: " };
	uint64_t sum = 0, value;
	size_t i, length;

	while (*stats) {
		for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
			length = strlen(names[i]);
			if (!strncmp(stats, names[i], length) &&
			    sscanf(stats + length, "%" SCNu64, &value) == 1)
				sum += value;
		}
		stats += strcspn(stats, "\n");
		stats += !!*stats;
	}
	return sum;
}

static uint64_t count_overruns(const struct instance *instance)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF), cpu;
	uint64_t sum = 0;
	char path[64], *stats;

	for (cpu = 0; cpu < cpus; cpu++) {
		snprintf(path, sizeof(path), "per_cpu/cpu%ld/stats", cpu);
		stats = tracefs_instance_file_read(instance->tracefs, path, NULL);
		sum += stats ? count_in_stats(stats) : 0;
		free(stats);
	}
	return sum;
}

/* Lines of "NAME HITS MISSED", of other groups, too. */
static uint64_t count_missed(const struct instance *instance)
{
	char *profile = tracefs_instance_file_read(NULL, "kprobe_profile", NULL);
	char *line, *next, name[65];
	uint64_t sum = 0, missed;

	for (line = profile; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (sscanf(line, "%64s %*u %" SCNu64, name, &missed) == 2 &&
		    tracefs_event_file_exists(NULL, instance->name, name, "id"))
			sum += missed;
	}
	free(profile);
	return sum;
}

uint64_t losses_count(const struct instance *instance)
{
	return count_overruns(instance) + count_missed(instance);
}
