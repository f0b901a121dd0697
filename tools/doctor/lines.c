// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/lines.h"

/* Users do not have the directories of these programs in their PATH. */
#define PREAMBLE "PATH=/usr/sbin:/usr/bin:/sbin:/bin; exec 2>/dev/null; "

static bool first_line(FILE *file, char *line, size_t size)
{
	if (!fgets(line, size, file))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return *line;
}

bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool found;

	if (!file)
		return false;
	found = first_line(file, line, size);
	fclose(file);
	return found;
}

bool command_line(char *line, size_t size, const char *format, ...)
{
	char command[512] = PREAMBLE;
	va_list args;
	FILE *file;
	bool found;

	va_start(args, format);
	vsnprintf(command + strlen(PREAMBLE), sizeof(command) - strlen(PREAMBLE),
		  format, args);
	va_end(args);
	file = popen(command, "re");
	if (!file)
		return false;
	found = first_line(file, line, size);
	pclose(file);
	return found;
}
