// SPDX-License-Identifier: GPL-2.0-only
/* Who has the buffer when the program has ended. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "judge/importer/stage.h"
#include "judge/seen/events.h"
#include "watch/record/there.h"

static int note_inode(void *context, const struct descriptor *descriptor)
{
	uint64_t *wanted = context;

	if (descriptor->inode == *wanted)
		*wanted = 0;
	return 0;
}

bool stage_is_forgotten(const struct stage *stage)
{
	uint64_t wanted = stage->trial->inode;

	/* A list that was cut short says nothing. */
	return !there_listed(note_inode, &wanted) && wanted;
}

bool stage_is_listed(const struct stage *stage)
{
	uint64_t wanted = stage->trial->inode;

	there_listed(note_inode, &wanted);
	return !wanted;
}

static bool is_open(const struct stage *stage)
{
	uint64_t wanted = stage->trial->inode;

	return there_walk(0, note_inode, &wanted) || !wanted;
}

/* Of one line of /proc/PID/maps: "addresses rights offset device inode path". */
static bool is_mapping_of(const char *line, uint64_t inode)
{
	unsigned long long number;

	return strstr(line, "/dmabuf") &&
	       sscanf(line, "%*s %*s %*s %*s %llu", &number) == 1 && number == inode;
}

static bool maps_it(const char *process, uint64_t inode)
{
	char path[64], line[512];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%.15s/maps", process);
	maps = fopen(path, "re");
	while (maps && !found && fgets(line, sizeof(line), maps))
		found = is_mapping_of(line, inode);
	if (maps)
		fclose(maps);
	return found;
}

/* The same without a descriptor: it has mapped it. */
static bool is_in_memory(const struct stage *stage)
{
	struct dirent *entry;
	bool found = false;
	DIR *processes = opendir("/proc");

	while (processes && !found && (entry = readdir(processes)))
		found = isdigit((unsigned char)*entry->d_name) &&
			maps_it(entry->d_name, stage->trial->inode);
	if (processes)
		closedir(processes);
	return found;
}

/* Kernel threads have no program. */
static bool is_alive(uint32_t pid)
{
	char path[32], link[2];

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	return pid && pid != (uint32_t)getpid() && readlink(path, link, sizeof(link)) > 0;
}

uint32_t stage_stranger(const struct stage *stage)
{
	const struct watch_event *attach = NULL;

	while ((attach = events_next(stage->trial, WATCH_ATTACH, 0, attach)))
		if (!attach->result && attach->attach != stage->other && is_alive(attach->pid))
			return attach->pid;
	return 0;
}

bool stage_is_had(const struct stage *stage)
{
	return is_open(stage) || is_in_memory(stage) || stage_stranger(stage);
}
