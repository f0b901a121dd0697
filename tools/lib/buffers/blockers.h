/* SPDX-License-Identifier: GPL-2.0-only */
/* What uses a buffer, by name. */
#ifndef BLOCKERS_H
#define BLOCKERS_H

#include <stdint.h>

#include "lib/text/table.h"

/* The empty table "blockers", of any number of buffers. */
struct table *blockers_new(struct document *document);

/*
 * A row for each blocker of the buffer. Returns 0, or a negative errno: BLOCKERS wants
 * the buffer's owner, or root.
 */
int blockers_add(struct table *table, int exp, uint64_t id);

#endif
