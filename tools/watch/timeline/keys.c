// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "watch/timeline/keys.h"

#define FIRST_ROOM	64

static size_t start(const struct key *key, size_t room)
{
	uint64_t hash = 0;
	int i;

	for (i = 0; i < 3; i++) {
		hash = (hash ^ key->numbers[i]) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	return hash & (room - 1);
}

static struct key_slot *find(const struct keys *keys, const struct key *key)
{
	size_t i = start(key, keys->room);

	while (keys->slots[i].used && memcmp(&keys->slots[i].key, key, sizeof(*key)))
		i = (i + 1) & (keys->room - 1);
	return &keys->slots[i];
}

/* At most half of the slots are used. */
static int make_room(struct keys *keys)
{
	struct keys larger = { .room = keys->room ? 2 * keys->room : FIRST_ROOM };
	size_t i;

	if (2 * (keys->count + 1) <= keys->room)
		return 0;
	larger.slots = calloc(larger.room, sizeof(*larger.slots));
	if (!larger.slots)
		return -1;
	larger.count = keys->count;
	for (i = 0; i < keys->room; i++)
		if (keys->slots[i].used)
			*find(&larger, &keys->slots[i].key) = keys->slots[i];
	free(keys->slots);
	*keys = larger;
	return 0;
}

struct key_value *keys_at(struct keys *keys, struct key key)
{
	struct key_slot *slot;

	if (make_room(keys))
		return NULL;
	slot = find(keys, &key);
	if (!slot->used) {
		*slot = (struct key_slot){
			.key = key, .value = { KEYS_NONE, KEYS_NONE }, .used = 1,
		};
		keys->count++;
	}
	return &slot->value;
}

uint64_t keys_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash;
}

void keys_free(struct keys *keys)
{
	free(keys->slots);
	*keys = (struct keys){ 0 };
}
