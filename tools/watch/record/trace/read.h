/* SPDX-License-Identifier: GPL-2.0-only */
/* Out of the kernel's ring buffers, while they fill. */
#ifndef RECORD_READ_H
#define RECORD_READ_H

#include <poll.h>

#include "watch/record/trace/instance.h"
#include "watch/record/trace/raw.h"

struct reader;

/* NULL after a message. @sources and @instance outlive it. */
struct reader *reader_open(const struct instance *instance, const struct sources *sources);
void reader_close(struct reader *reader);

/* Descriptors to poll for POLLIN: there is much to be read. Returns how many. */
size_t reader_descriptors(const struct reader *reader, const int **descriptors);

/* Append what there is to @raws, as good as sorted by time. Returns 0 or a negative errno. */
int reader_drain(struct reader *reader, struct raws *raws);

/*
 * What there is, also if it is little: with the names of threads in all of @raws, and what was
 * lost that was not told yet. Afterwards @raws are sorted by time. May be called again, with the
 * same @raws, whose rows may be taken away meanwhile. Returns 0 or a negative errno.
 */
int reader_finish(struct reader *reader, struct raws *raws);

#endif
