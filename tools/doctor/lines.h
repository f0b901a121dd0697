/* SPDX-License-Identifier: GPL-2.0-only */
/* Files and programs that tell about the system, one line at a time. */
#ifndef DOCTOR_LINES_H
#define DOCTOR_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* The first line of a file, without its end. False if there is none. */
bool read_line(const char *path, char *line, size_t size);

/* The first line that a shell command prints, likewise; what it complains of is lost. */
bool command_line(char *line, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
