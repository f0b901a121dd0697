// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the judge reads of a kernel's log that is made up: records are the arguments, "" stands for
 * some that were overwritten. Prints the complaints, each after whether it may come of a machine
 * that stood still, or be of before; at last whether some were lost.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "judge/seen/kernel_log.h"

static char **records;

/* The log's, and nobody else's here. */
ssize_t read(int file, void *buffer, size_t size)
{
	const char *record = *records;
	size_t length;

	(void)file;
	if (!record) {
		errno = EAGAIN;
		return -1;
	}
	records++;
	if (!*record) {
		errno = EPIPE;
		return -1;
	}
	length = strlen(record) < size ? strlen(record) : size;
	memcpy(buffer, record, length);
	return (ssize_t)length;
}

static void show(void *context, const char *text)
{
	(void)context;
	printf("%s%s%s\n", kernel_log_is_stall(text) ? "stall: " : "",
	       kernel_log_is_undated(text) ? "undated: " : "", text);
}

int main(int argc, char **argv)
{
	(void)argc;
	records = argv + 1;
	printf("lost %d\n", kernel_log_read(0, show, NULL));
	return 0;
}
