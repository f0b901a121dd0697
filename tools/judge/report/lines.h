/* SPDX-License-Identifier: GPL-2.0-only */
/* Details, a line at a time, as something that a terminal or a file of lines can take. */
#ifndef REPORT_LINES_H
#define REPORT_LINES_H

#include <stddef.h>

#define LINE_TEXT	4096

/*
 * The line at *@at, which is moved behind it, in @line: clean, without its end. NULL: there is
 * none.
 */
char *line_next(char line[LINE_TEXT], const char **at);

#endif
