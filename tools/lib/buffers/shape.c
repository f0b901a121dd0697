// SPDX-License-Identifier: GPL-2.0-only
#include <dmabuf_revoke.h>

#include "lib/buffers/shape.h"
#include "lib/text/message.h"

int parse_shape(const struct verb *verb, const struct shape *shape, uint64_t length,
		__u32 *kind, __u64 *arg)
{
	bool shuffle = shape->shuffle >= 0, repeat = shape->repeat >= 0;

	if (shape->one_chunk + shuffle + repeat > 1)
		return usage(verb, "memory has one shape: --one-chunk, --shuffle or --repeat");
	if (!shape->repeat)
		return usage(verb, "memory is there once at least");
	*kind = shape->one_chunk ? DMABUF_REVOKE_SHAPE_ONE_CHUNK :
		shuffle ? DMABUF_REVOKE_SHAPE_SHUFFLED :
		repeat ? DMABUF_REVOKE_SHAPE_REPEATED : DMABUF_REVOKE_SHAPE_DEFAULT;
	*arg = shuffle ? (uint64_t)shape->shuffle :
	       repeat ? length / (uint64_t)shape->repeat : 0;
	return STATUS_DONE;
}
