/* SPDX-License-Identifier: GPL-2.0-only */
/* A file that something was recorded into. */
#ifndef WATCH_SOURCE_H
#define WATCH_SOURCE_H

#include "watch/lines.h"

/*
 * Appends what is in the file at @path, "-": stdin, to @list, whichever kind of recording it
 * is. Returns an enum status; says what went wrong.
 */
int source_read(const char *path, struct watch_origin *origin, struct watch_list *list);

#endif
