// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/text/message.h"
#include "watch/source.h"
#include "watch/tracedat/apart.h"

/* How trace.dat begins. No JSON does. */
#define TRACE_DAT_MAGIC	"\x17\x08\x44tracing"

static bool is_trace_dat(FILE *in)
{
	int first = getc(in);

	if (first != EOF)
		ungetc(first, in);
	return first == TRACE_DAT_MAGIC[0];
}

int source_read(const char *path, struct watch_origin *origin, struct watch_list *list)
{
	bool piped = !strcmp(path, "-");
	FILE *in = piped ? stdin : fopen(path, "re");
	int status;

	if (!in)
		return explain(ACT_OTHER, errno, "watch: %s", path);
	if (is_trace_dat(in))
		status = tracedat_read(in, piped ? "stdin" : path, origin, list);
	else
		status = lines_read(in, piped ? "stdin" : path, origin, list);
	if (!piped)
		fclose(in);
	return status;
}
