// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "watch/record/join/index.h"

struct place {
	uint64_t key;
	void *value;
};

static int compare(const void *one, const void *two)
{
	uint64_t a = ((const struct place *)one)->key, b = ((const struct place *)two)->key;

	return a < b ? -1 : a > b;
}

static struct place *find(const struct index *index, uint64_t key)
{
	const struct place wanted = { .key = key };
	struct place **found = tfind(&wanted, &index->root, compare);

	return found ? *found : NULL;
}

void *index_find(const struct index *index, uint64_t key)
{
	struct place *place = find(index, key);

	return place ? place->value : NULL;
}

int index_put(struct index *index, uint64_t key, void *value)
{
	struct place *place = find(index, key);

	if (!place) {
		place = calloc(1, sizeof(*place));
		if (!place)
			return -ENOMEM;
		place->key = key;
		if (!tsearch(place, &index->root, compare)) {
			free(place);
			return -ENOMEM;
		}
	}
	place->value = value;
	return 0;
}

void index_remove(struct index *index, uint64_t key)
{
	struct place *place = find(index, key);

	if (!place)
		return;
	tdelete(place, &index->root, compare);
	free(place);
}

void *index_take(struct index *index)
{
	struct place *place;
	void *value;

	if (!index->root)
		return NULL;
	place = *(struct place **)index->root;
	value = place->value;
	tdelete(place, &index->root, compare);
	free(place);
	return value;
}

void index_free(struct index *index, void (*end)(void *value))
{
	void *value;

	while ((value = index_take(index)))
		if (end)
			end(value);
}
