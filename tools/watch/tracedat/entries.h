/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in a trace.dat, by libtracecmd, if that was there when this was built. */
#ifndef TRACEDAT_ENTRIES_H
#define TRACEDAT_ENTRIES_H

#include "watch/list.h"

/* There is something that can read it. If not, says so. */
bool entries_can(const char *name);

/*
 * Appends to @list. @file is read from its beginning. Returns an enum status, and says what went
 * wrong; with a file that is broken it may never return, or crash.
 */
int entries_read(int file, const char *name, struct watch_list *list);

#endif
