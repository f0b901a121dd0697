// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "judge/program/processes.h"

struct stat_fields {
	char name[32];
	char state;
	int parent, group;
};

/* Of /proc/PID/stat, whose second field may contain anything. */
static bool read_stat(const char *path, struct stat_fields *fields)
{
	char text[512], *end;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

	if (file >= 0)
		close(file);
	if (length <= 0)
		return false;
	text[length] = 0;
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %c %d %d", &fields->state, &fields->parent,
			   &fields->group) != 3)
		return false;
	*end = 0;
	snprintf(fields->name, sizeof(fields->name), "%.31s",
		 strchr(text, '(') ? strchr(text, '(') + 1 : "");
	return true;
}

/* "func; func", without offsets. */
static void read_stack(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[256], function[128];
	size_t length = 0;

	snprintf(text, size, "stack not readable");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file) && length < size) {
		if (sscanf(line, "[<%*[^>]>] %127[^+\n]", function) != 1)
			continue;
		length += (size_t)snprintf(text + length, size - length, "%s%s",
					   length ? "; " : "", function);
	}
	fclose(file);
}

void process_stack(pid_t pid, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	read_stack(path, text, size);
}

static int thread_stack(const char *process, const char *thread,
			void (*line)(void *context, const char *text), void *context)
{
	char path[128], stack[512], text[640];
	struct stat_fields fields;

	snprintf(path, sizeof(path), "/proc/%.15s/task/%.15s/stat", process, thread);
	if (!read_stat(path, &fields) || fields.state != 'D')
		return 0;
	snprintf(path, sizeof(path), "/proc/%.15s/task/%.15s/stack", process, thread);
	read_stack(path, stack, sizeof(stack));
	snprintf(text, sizeof(text), "thread %.15s (%s) is in the kernel: %s", thread, fields.name,
		 stack);
	line(context, text);
	return 1;
}

static int threads_stacks(const char *process, void (*line)(void *context, const char *text),
			  void *context)
{
	char path[64];
	struct dirent *entry;
	int count = 0;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%.15s/task", process);
	threads = opendir(path);
	while (threads && (entry = readdir(threads)))
		if (isdigit((unsigned char)*entry->d_name))
			count += thread_stack(process, entry->d_name, line, context);
	if (threads)
		closedir(threads);
	return count;
}

/* The next process of @processes, in @fields; NULL: there are no more. */
static const char *next_process(DIR *processes, struct stat_fields *fields)
{
	struct dirent *entry;
	char path[64];

	while (processes && (entry = readdir(processes))) {
		snprintf(path, sizeof(path), "/proc/%.15s/stat", entry->d_name);
		if (isdigit((unsigned char)*entry->d_name) && read_stat(path, fields))
			return entry->d_name;
	}
	return NULL;
}

/* Children that were there before us: whoever became us by exec has started them. */
static struct {
	pid_t *pids;
	size_t count;
} spared;

int processes_spare_children(void)
{
	DIR *processes = opendir("/proc");
	struct stat_fields fields;
	const char *process;
	int ret = 0;

	while (!ret && (process = next_process(processes, &fields))) {
		pid_t *longer;

		if (fields.parent != getpid())
			continue;
		longer = realloc(spared.pids, (spared.count + 1) * sizeof(*longer));
		if (longer) {
			spared.pids = longer;
			spared.pids[spared.count++] = atoi(process);
		} else {
			ret = -ENOMEM;
		}
	}
	if (processes)
		closedir(processes);
	return ret;
}

void processes_forget(pid_t pid)
{
	size_t i;

	for (i = 0; i < spared.count; i++)
		if (spared.pids[i] == pid)
			spared.pids[i--] = spared.pids[--spared.count];
}

static bool is_ours(const char *process, const struct stat_fields *fields)
{
	size_t i;

	for (i = 0; i < spared.count; i++)
		if (spared.pids[i] == atoi(process))
			return false;
	return fields->parent == getpid();
}

int processes_stacks(pid_t group, void (*line)(void *context, const char *text), void *context)
{
	DIR *processes = opendir("/proc");
	struct stat_fields fields;
	const char *process;
	int count = 0;

	while ((process = next_process(processes, &fields)))
		if (fields.group == group || is_ours(process, &fields))
			count += threads_stacks(process, line, context);
	if (processes)
		closedir(processes);
	return count;
}

int processes_kill_children(void)
{
	DIR *processes = opendir("/proc");
	struct stat_fields fields;
	const char *process;
	int count = 0;

	while ((process = next_process(processes, &fields))) {
		if (!is_ours(process, &fields))
			continue;
		kill(atoi(process), SIGKILL);
		count++;
	}
	if (processes)
		closedir(processes);
	return count;
}
