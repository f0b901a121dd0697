// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "lib/buffers/blockers.h"
#include "lib/devices/ioctls.h"
#include "lib/text/names.h"

static const struct column columns[] = {
	{ "id", "ID", CELL_NUMBER, 0 },
	{ "type", "BLOCKER", CELL_TEXT, 0 },
	{ "name", "NAME", CELL_TEXT, 0 },
	{ "timeline", "TIMELINE", CELL_TEXT, 0 },
	{ "usage", "USAGE", CELL_TEXT, 0 },
	{ "legacy", "LEGACY", CELL_BOOL, 0 },
	{ "pins", "PINS", CELL_NUMBER, 0 },
	{ "since_ns", NULL, CELL_NUMBER, 0 },
	{ "for_ns", "FOR", CELL_DURATION, 0 },
	{ "context", "CONTEXT", CELL_NUMBER, 0 },
	{ "seqno", "SEQNO", CELL_NUMBER, 0 },
	{ 0 },
};

struct table *blockers_new(struct document *document)
{
	return table_new(document, "blockers", NULL, LAYOUT_ROWS, columns);
}

static void set_fence(struct table *table, const struct dmabuf_revoke_blocker *fence)
{
	table_text(table, "name", fence->name);
	table_text(table, "timeline", fence->timeline);
	table_text(table, "usage", usage_name(fence->usage));
	table_set(table, "legacy", 0);
	table_set(table, "context", fence->context);
	table_set(table, "seqno", fence->seqno);
}

static void set_mapping(struct table *table, const struct dmabuf_revoke_blocker *map)
{
	uint64_t now = dr_now();

	if (map->type == DMABUF_REVOKE_BLOCKER_MAP) {
		table_text(table, "name", map->name);
		table_set(table, "pins", map->pins);
	}
	table_set(table, "legacy", map->legacy);
	table_set(table, "since_ns", map->since_ns);
	table_set(table, "for_ns", now > map->since_ns ? now - map->since_ns : 0);
}

/* All of them, in an array that the caller frees. */
static int read_blockers(int exp, uint64_t id, struct dmabuf_revoke_blocker **blockers,
			 uint32_t *count)
{
	uint32_t capacity = 0;
	int ret;

	*blockers = NULL;
	for (;;) {
		ret = dr_blockers(exp, id, *blockers, capacity, count);
		if (ret || *count <= capacity)
			return ret;
		/* A little more, for those that come meanwhile. */
		capacity = *count + 16;
		free(*blockers);
		*blockers = calloc(capacity, sizeof(**blockers));
		if (!*blockers)
			return -ENOMEM;
	}
}

int blockers_add(struct table *table, int exp, uint64_t id)
{
	struct dmabuf_revoke_blocker *blockers;
	uint32_t count, i;
	int ret = read_blockers(exp, id, &blockers, &count);

	for (i = 0; !ret && i < count; i++) {
		table_row(table);
		table_set(table, "id", id);
		table_text(table, "type", blocker_name(blockers[i].type));
		if (blockers[i].type == DMABUF_REVOKE_BLOCKER_FENCE)
			set_fence(table, &blockers[i]);
		else
			set_mapping(table, &blockers[i]);
	}
	free(blockers);
	return ret;
}
