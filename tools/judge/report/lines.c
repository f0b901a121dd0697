// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "judge/report/lines.h"
#include "lib/encoding/utf8.h"

char *line_next(char line[LINE_TEXT], const char **at)
{
	char raw[LINE_TEXT / UTF8_LONGEST];
	size_t length;

	if (!*at)
		return NULL;
	*at += strspn(*at, "\n");
	if (!**at)
		return NULL;
	length = strcspn(*at, "\n");
	snprintf(raw, sizeof(raw), "%.*s", (int)length, *at);
	*at += length;
	for (length = strlen(raw); length && raw[length - 1] == ' '; length--)
		raw[length - 1] = 0;
	return utf8_clean(line, LINE_TEXT, raw);
}
