// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/process/left.h"

/* What numbers of processes are of. Another one may have that number once this one is gone. */
static unsigned long pid_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/pid", &status) ? 0 : (unsigned long)status.st_ino;
}

int left_name(char *name, size_t size, const char *prefix)
{
	return snprintf(name, size, "%s%d_%lu", prefix, (int)getpid(), pid_namespace());
}

bool is_left(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);
	unsigned long space;
	int pid, end = 0;

	if (strncmp(name, prefix, length))
		return false;
	return sscanf(name + length, "%d_%lu%n", &pid, &space, &end) == 2 && !name[length + end] &&
	       space == pid_namespace() && pid > 0 && kill(pid, 0) && errno == ESRCH;
}
