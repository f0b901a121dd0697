// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "watch/list.h"
#include "watch/record/trace/raw.h"

/* Room for one more; returns the array, where it was or moved, or NULL. */
static void *grown(void *rows, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;

	if (count < *room)
		return rows;
	rows = reallocarray(rows, more, size);
	if (rows)
		*room = more;
	return rows;
}

int raws_add(struct raws *raws, const struct raw *raw)
{
	struct raw *rows;

	/* That some are missing is told in any case. */
	if (raws->count >= WATCH_LIST_MOST && raw->kind != RAW_LOST) {
		raws->dropped++;
		return 0;
	}
	rows = grown(raws->rows, raws->count, &raws->room, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	raws->rows = rows;
	rows[raws->count++] = *raw;
	return 0;
}

int sources_add(struct sources *sources, const struct source *source)
{
	struct source *rows = grown(sources->rows, sources->count, &sources->room,
				    sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	sources->rows = rows;
	rows[sources->count++] = *source;
	return 0;
}
