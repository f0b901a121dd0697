// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/process/left.h"

bool is_left(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);
	char *end;
	long pid;

	if (strncmp(name, prefix, length))
		return false;
	pid = strtol(name + length, &end, 10);
	return end != name + length && !*end && pid > 0 && kill((pid_t)pid, 0) &&
	       errno == ESRCH;
}
