/* SPDX-License-Identifier: GPL-2.0-only */
/* From entries of a ring buffer, the kernel's or a file's, to raws. */
#ifndef RECORD_DECODE_H
#define RECORD_DECODE_H

#include "watch/record/trace/raw.h"

struct tep_handle;
struct tep_record;
struct decoder;

/*
 * @tep has the formats of @sources; of one that it has not got, that is said. Both outlive the
 * decoder. NULL: out of memory.
 */
struct decoder *decoder_make(struct tep_handle *tep, const struct sources *sources);
void decoder_free(struct decoder *decoder);

/* False: it is an entry of none of the sources. */
bool decoder_read(const struct decoder *decoder, struct tep_record *record, struct raw *raw);
/* The names of threads in all of @raws, which @tep knows. */
void decoder_name(const struct decoder *decoder, struct raws *raws);

#endif
