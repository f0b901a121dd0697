/* SPDX-License-Identifier: GPL-2.0-only */
/* Ids of buffers: as people write them, and which there are. */
#ifndef IDS_H
#define IDS_H

#include <stdint.h>

#include "command.h"

#define WHICH_BUFFER "which buffer? Give its id; dmabuf-revoke list shows them"

/* Returns an enum status, after a message. */
int parse_id(const struct verb *verb, const char *text, uint64_t *id);

/* All that the caller may name, in an array that it frees. Returns 0 or a negative errno. */
int read_ids(int exp, uint64_t **ids, uint32_t *count);

/*
 * Buffers that exist, but have no name any more: their owner has given them up, nothing
 * blocks them, and somebody's reference keeps their dma-buf. Only who sees all buffers
 * can tell; others: 0. One that is going has lost its name, too, until a worker releases
 * it: so it is asked again, for so long. Returns 0 or a negative errno.
 */
int count_unnamed(int exp, uint64_t patience_ns, uint64_t *count);

#endif
