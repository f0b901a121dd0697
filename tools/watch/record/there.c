// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/text/message.h"
#include "watch/record/there.h"

#define BUFINFO		"/sys/kernel/debug/dma_buf/bufinfo"
#define LONGEST_S	1

/* How a link to one begins. */
#define LINK	"/dmabuf:"

static bool is_dmabuf(int directory, const char *name)
{
	char link[sizeof(LINK)];

	return readlinkat(directory, name, link, sizeof(link)) >= (ssize_t)strlen(LINK) &&
	       !strncmp(link, LINK, strlen(LINK));
}

/* False: it has been closed meanwhile. */
static bool describe(int pid, const char *name, struct descriptor *descriptor)
{
	char path[PATH_MAX], line[256];
	FILE *info;

	*descriptor = (struct descriptor){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, name);
	info = fopen(path, "re");
	if (!info)
		return false;
	while (fgets(line, sizeof(line), info)) {
		if (!strncmp(line, "ino:", 4))
			descriptor->inode = strtoull(line + 4, NULL, 10);
		else if (!strncmp(line, "size:", 5))
			descriptor->size = strtoull(line + 5, NULL, 10);
		else if (sscanf(line, "exp_name: %63[^\n]", descriptor->exporter) == 1)
			continue;
	}
	fclose(info);
	return descriptor->inode;
}

static int walk_process(int pid, there_found found, void *context)
{
	struct descriptor descriptor;
	struct dirent *entry;
	char path[64];
	int ret = 0;
	DIR *files;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	files = opendir(path);
	if (!files)
		return -errno;
	while (!ret && (entry = readdir(files)))
		if (is_dmabuf(dirfd(files), entry->d_name) &&
		    describe(pid, entry->d_name, &descriptor))
			ret = found(context, &descriptor);
	closedir(files);
	return ret;
}

/* Of one line of /proc/PID/maps: "addresses rights offset device inode path". */
static bool parse_mapping(const char *line, struct descriptor *descriptor)
{
	*descriptor = (struct descriptor){ 0 };
	return strstr(line, " " LINK) &&
	       sscanf(line, "%*s %*s %*s %*s %" SCNu64, &descriptor->inode) == 1;
}

static int walk_mappings(const char *process, there_found found, void *context)
{
	struct descriptor descriptor;
	char path[64], line[512];
	int ret = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%.15s/maps", process);
	maps = fopen(path, "re");
	while (maps && !ret && fgets(line, sizeof(line), maps))
		if (parse_mapping(line, &descriptor))
			ret = found(context, &descriptor);
	if (maps)
		fclose(maps);
	return ret;
}

/* What the first one is called on every kernel that has others. */
static bool is_first_namespace(void)
{
	static const char first[] = "pid:[4026531836]";
	char link[sizeof(first)] = "";

	if (readlink("/proc/self/ns/pid", link, sizeof(link) - 1) < 0)
		return errno == ENOENT;
	return !strcmp(link, first);
}

bool there_sees_all(void)
{
	DIR *all = opendir("/proc");
	char path[64], link[1];
	struct dirent *entry;
	bool sees = all && is_first_namespace();

	/* Who may not be looked at has descriptors that can be listed, but not what they are. */
	while (sees && (entry = readdir(all))) {
		snprintf(path, sizeof(path), "/proc/%.15s/exe", entry->d_name);
		sees = !isdigit((unsigned char)*entry->d_name) ||
		       readlink(path, link, sizeof(link)) >= 0 ||
		       (errno != EACCES && errno != EPERM);
	}
	if (all)
		closedir(all);
	return sees;
}

int there_mapped(there_found found, void *context)
{
	struct dirent *entry;
	int ret = 0;
	DIR *all = opendir("/proc");

	if (!all)
		return -errno;
	while (!ret && (entry = readdir(all)))
		if (isdigit((unsigned char)*entry->d_name))
			ret = walk_mappings(entry->d_name, found, context);
	closedir(all);
	return ret;
}

int there_walk(int pid, there_found found, void *context)
{
	struct dirent *entry;
	int ret = 0;
	DIR *all;

	if (pid)
		return walk_process(pid, found, context);
	all = opendir("/proc");
	if (!all)
		return -errno;
	while (!ret && (entry = readdir(all))) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		pid = (int)strtol(entry->d_name, NULL, 10);
		ret = walk_process(pid, found, context);
		/* It has ended meanwhile. */
		if (ret == -ENOENT || ret == -ESRCH || ret == -EACCES)
			ret = 0;
	}
	closedir(all);
	return ret;
}

/* How many follow those that are attached, after the line of a dma-buf. */
static bool is_count(const char *line, uint32_t *attached)
{
	int length = 0;
	uint32_t count;

	if (sscanf(line, "Total %" SCNu32 " devices attached%n", &count, &length) != 1 || !length)
		return false;
	*attached = count;
	return true;
}

/* Of lines of other forms nothing is known. */
static int parse_listed(FILE *list, there_found found, void *context)
{
	struct descriptor last = { 0 };
	char line[512];
	int ret = 0;

	while (!ret && fgets(line, sizeof(line), list)) {
		struct descriptor next = { 0 };

		/* size flags mode count exporter inode */
		if (is_count(line, &last.attached) ||
		    sscanf(line, "%" SCNu64 " %*x %*x %*d %63s %" SCNu64, &next.size,
			   next.exporter, &next.inode) != 3)
			continue;
		ret = last.inode ? found(context, &last) : 0;
		last = next;
	}
	return !ret && last.inode ? found(context, &last) : ret;
}

/* In a process of its own, which a signal ends while it waits for a lock. */
static void copy_list(int to)
{
	char text[4096];
	sigset_t alarms;
	FILE *list;
	size_t length;

	/* Both are inherited, from whoever has started us, too. */
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	alarm(LONGEST_S);
	list = fopen(BUFINFO, "re");
	while (list && (length = fread(text, 1, sizeof(text), list)))
		if (write(to, text, length) != (ssize_t)length)
			break;
	_exit(0);
}

bool there_can_list(void)
{
	return !access(BUFINFO, R_OK);
}

int there_listed(there_found found, void *context)
{
	int pipes[2], state, ret;
	FILE *list;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		copy_list(pipes[1]);
	close(pipes[1]);
	list = pid > 0 ? fdopen(pipes[0], "r") : NULL;
	if (!list) {
		ret = -errno;
		close(pipes[0]);
		return ret;
	}
	ret = parse_listed(list, found, context);
	fclose(list);
	if (waitpid(pid, &state, 0) == pid && WIFSIGNALED(state)) {
		ret = ret ? ret : 1;
		complain("watch: " BUFINFO " takes long: %s",
			 "somebody holds a lock; buffers without a descriptor are not known");
	}
	return ret;
}
