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

static int compare(const void *one, const void *two)
{
	const struct raw *a = *(const struct raw *const *)one;
	const struct raw *b = *(const struct raw *const *)two;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return a < b ? -1 : a > b;
}

int raws_sort(struct raws *raws)
{
	const struct raw **order;
	struct raw *rows;
	size_t i;

	if (!raws->count)
		return 0;
	order = calloc(raws->count, sizeof(*order));
	rows = calloc(raws->count, sizeof(*rows));
	if (!order || !rows) {
		free(order);
		free(rows);
		return -ENOMEM;
	}
	for (i = 0; i < raws->count; i++)
		order[i] = &raws->rows[i];
	qsort(order, raws->count, sizeof(*order), compare);
	for (i = 0; i < raws->count; i++)
		rows[i] = *order[i];
	free(order);
	free(raws->rows);
	raws->rows = rows;
	raws->room = raws->count;
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
