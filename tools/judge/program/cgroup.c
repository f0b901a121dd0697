// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "judge/program/cgroup.h"
#include "lib/process/left.h"

/* As left_name() goes on. */
#define PREFIX	"dmabuf-revoke-judge-"

bool cgroup_root(char root[CGROUP_PATH])
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[1024], place[256], type[64];
	bool found = false;

	while (mounts && !found && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %255s %63s", place, type) == 2 && !strcmp(type, "cgroup2")) {
			snprintf(root, CGROUP_PATH, "%s", place);
			found = true;
		}
	if (mounts)
		fclose(mounts);
	return found;
}

int cgroup_make(const char *root, char folder[CGROUP_PATH])
{
	char name[64];
	int length;

	left_name(name, sizeof(name), PREFIX);
	length = snprintf(folder, CGROUP_PATH, "%s/%s", root, name);
	if (length >= CGROUP_PATH)
		return -ENAMETOOLONG;
	return mkdir(folder, 0700) ? -errno : 0;
}

bool cgroup_limit(const char *folder, const char *bytes)
{
	char path[CGROUP_PATH + 16];
	bool written;
	int file;

	snprintf(path, sizeof(path), "%s/memory.max", folder);
	file = open(path, O_WRONLY | O_CLOEXEC);
	written = file >= 0 && write(file, bytes, strlen(bytes)) == (ssize_t)strlen(bytes);
	if (file >= 0)
		close(file);
	return written;
}

bool cgroup_fill(const char *folder)
{
	char path[CGROUP_PATH + 16], text[32];
	ssize_t length;
	int file;

	snprintf(path, sizeof(path), "%s/memory.current", folder);
	file = open(path, O_RDONLY | O_CLOEXEC);
	length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	if (file >= 0)
		close(file);
	if (length <= 0)
		return false;
	text[length] = 0;
	return cgroup_limit(folder, text);
}

/* Those that it has killed take a while. */
void cgroup_remove(const char *folder)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int i;

	for (i = 0; i < 500 && rmdir(folder) && errno == EBUSY; i++)
		nanosleep(&pause, NULL);
}

void cgroup_clean_up(void)
{
	char root[CGROUP_PATH], folder[2 * CGROUP_PATH];
	DIR *groups = cgroup_root(root) ? opendir(root) : NULL;
	struct dirent *group;

	while (groups && (group = readdir(groups)))
		if (is_left(group->d_name, PREFIX)) {
			snprintf(folder, sizeof(folder), "%s/%s", root, group->d_name);
			cgroup_remove(folder);
		}
	if (groups)
		closedir(groups);
}
