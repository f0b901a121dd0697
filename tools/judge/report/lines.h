/* SPDX-License-Identifier: GPL-2.0-only */
/* Details, a line at a time, as something that a terminal or a file of lines can take. */
#ifndef REPORT_LINES_H
#define REPORT_LINES_H

#include <stddef.h>

#define LINE_TEXT	4096

/*
 * The next line at *@at that is not empty, in @line: clean, without its end and the spaces before
 * that; *@at is moved behind it. NULL: there is none.
 */
char *line_next(char line[LINE_TEXT], const char **at);

#endif
