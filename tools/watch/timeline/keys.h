/* SPDX-License-Identifier: GPL-2.0-only */
/* From three numbers to a value: what a recording may have a million of. */
#ifndef TIMELINE_KEYS_H
#define TIMELINE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#define KEYS_NONE	UINT32_MAX

struct key {
	uint64_t numbers[3];
};

/* The first and the last of a chain, or one value twice. */
struct key_value {
	uint32_t first;
	uint32_t last;
};

struct key_slot {
	struct key key;
	struct key_value value;
	uint32_t used;
};

struct keys {
	struct key_slot *slots;
	size_t room;			/* 0, or a power of 2 */
	size_t count;
};

/*
 * What @key leads to; { KEYS_NONE, KEYS_NONE } if it is new. NULL: out of memory. The pointer
 * is good until the next call.
 */
struct key_value *keys_at(struct keys *keys, struct key key);
void keys_free(struct keys *keys);

/* A number for a text; two texts may have one. */
uint64_t keys_hash(const char *text);

#endif
