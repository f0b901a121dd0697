/* SPDX-License-Identifier: GPL-2.0-only */
/* trace.dat, what trace-cmd has recorded. */
#ifndef TRACEDAT_APART_H
#define TRACEDAT_APART_H

#include <stdio.h>

#include "watch/lines.h"

/*
 * Appends to @list what is in @in, which has to be a file, not a pipe. @name is what messages
 * call it. The libraries for it trust what they read, so that is done in a process of its own.
 * Returns an enum status; says what went wrong.
 */
int tracedat_read(FILE *in, const char *name, struct watch_origin *origin,
		  struct watch_list *list);

#endif
