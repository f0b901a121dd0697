/* SPDX-License-Identifier: GPL-2.0-only */
/* What memory is to be made of: the options of alloc and move. */
#ifndef SHAPE_H
#define SHAPE_H

#include <dmabuf_revoke.h>

#include "command.h"
#include "lib/text/options.h"

struct shape {
	bool one_chunk;
	int shuffle;		/* -1: not given */
	int repeat;		/* likewise */
};

#define SHAPE_DEFAULT ((struct shape){ .shuffle = -1, .repeat = -1 })

#define OPTION_ONE_CHUNK(shape) \
	{ .name = "one-chunk", .type = OPTION_FLAG, .value = &(shape).one_chunk, \
	  .help = "physically contiguous memory" }
#define OPTION_SHUFFLE(shape) \
	{ .name = "shuffle", .type = OPTION_INTEGER, .value = &(shape).shuffle, \
	  .metavar = "SEED", .help = "single pages in a random order" }
#define OPTION_REPEAT(shape) \
	{ .name = "repeat", .type = OPTION_INTEGER, .value = &(shape).repeat, \
	  .metavar = "N", .help = "an Nth of the memory, N times over" }

/* For the ioctls. @length is that of the buffer. Returns an enum status, after a message. */
int parse_shape(const struct verb *verb, const struct shape *shape, uint64_t length,
		__u32 *kind, __u64 *arg);

#endif
