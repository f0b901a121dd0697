/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording of what our two modules say by their trace events, and of the fences among it that
 * signal: without probes and BTF, so on every kernel that has trace events. A buffer that our
 * exporter did not make is known by what our importer does with it.
 *
 * One at a time in a process.
 */
#ifndef OWN_RECORD_H
#define OWN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch/list.h"
#include "watch/record/chosen.h"
#include "watch/record/there.h"

struct own_record;

/* Whether one of the modules is loaded, in a kernel with trace events; after place_find(). */
bool own_record_possible(void);

/*
 * Begin, with @ring bytes for each CPU. At least one of the modules has to be loaded; one that is
 * loaded later is not seen. Returns an enum status, after a message.
 */
int own_record_open(struct own_record **record, uint64_t ring);

/*
 * What there was when it began, of which exporter, and how large. Without that, such a buffer has
 * neither until an event tells. @there outlives it.
 */
void own_record_there(struct own_record *record, const struct descriptor *there, size_t count);
/* Leave out what is of other buffers. @chosen outlives it; NULL: none is left out. */
void own_record_choose(struct own_record *record, const struct chosen *chosen);

/* Descriptors to poll for POLLIN: there is much to be taken. Returns how many. */
size_t own_record_descriptors(const struct own_record *record, const int **descriptors);

/*
 * Append what was recorded until now, in order of time, to @out: all that happened before this
 * call. What was lost is a WATCH_LOST. May be called again and again: numbers of buffers and
 * attachments, and what has begun, are kept. Returns 0 or a negative errno.
 */
int own_record_take(struct own_record *record, struct watch_list *out);

/* What has begun and not ended, as if it ended now, unfinished. Returns 0 or a negative errno. */
int own_record_unfinished(const struct own_record *record, struct watch_list *out);

/* Ends it, and leaves nothing in tracefs. NULL is allowed. */
void own_record_close(struct own_record *record);

#endif
