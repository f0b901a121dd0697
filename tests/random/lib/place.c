// SPDX-License-Identifier: GPL-2.0-only
/* Memory that arguments are in: good, missing, not to be written to, cut off. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "program.h"

/* Pages: a structure, an array, one that is followed by nothing, a read-only one. */
#define STRUCT_SIZE (4 * FUZZ_PAGE)
#define ARRAY_SIZE (16 * FUZZ_PAGE)
#define MOST_WORDS 64
#define KERNEL_ADDRESS 0xffff888000001000

static __thread char *good, *array, *last, *readonly;

static char *pages(size_t size)
{
	/* With a page behind it that is not there. */
	char *memory = mmap(NULL, size + FUZZ_PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED ||
	    mprotect(memory, size, PROT_READ | PROT_WRITE))
		abort();
	return memory;
}

void fuzz_places_create(void)
{
	good = pages(STRUCT_SIZE);
	array = pages(ARRAY_SIZE);
	last = pages(FUZZ_PAGE);
	readonly = pages(FUZZ_PAGE);
}

/* Of @size bytes; good ones are in @memory, which has @room. */
static char *place_at(enum fuzz_place place, char *memory, size_t room, size_t size)
{
	switch (place) {
	case PLACE_GOOD:
		return memory;
	case PLACE_READONLY:
		return readonly;
	case PLACE_EDGE:
		return last + FUZZ_PAGE - size / 2;
	case PLACE_UNMAPPED:
		return memory + room;
	case PLACE_KERNEL:
		return (char *)KERNEL_ADDRESS;
	default:
		return NULL;
	}
}

static void protect(int prot)
{
	if (mprotect(readonly, FUZZ_PAGE, prot))
		abort();
}

static void fill(enum fuzz_place place, char *to, const void *content, size_t size)
{
	if (place == PLACE_GOOD)
		memset(to, 0, STRUCT_SIZE);
	if (place == PLACE_READONLY)
		protect(PROT_READ | PROT_WRITE);
	if (place == PLACE_GOOD || place == PLACE_READONLY)
		memcpy(to, content, size);
	else if (place == PLACE_EDGE)
		memcpy(to, content, size / 2);
	if (place == PLACE_READONLY)
		protect(PROT_READ);
}

/* In a buffer: what is there faults while locks are held, and changes meanwhile. */
static void *place_in(const struct fuzz_mapping *mapping, const void *content,
		      size_t size)
{
	const uint64_t *words = content;
	uint64_t *to = (uint64_t *)mapping->address;

	for (size_t i = 0; to && i < size / sizeof(*to) && i < MOST_WORDS; i++)
		if (fuzz_poke(&to[i], words[i]))
			break;
	return to;
}

void *fuzz_place(struct fuzz_lane *lane, const char *name, const void *content,
		 size_t size)
{
	const struct fuzz_mapping *mapping = fuzz_mapping(lane, name);
	enum fuzz_place place;
	char *to;

	if (mapping)
		return place_in(mapping, content, size);
	place = fuzz_number(lane, name);
	to = place_at(place, good, STRUCT_SIZE, size);
	fill(place, to, content, size);
	return to;
}

bool fuzz_is_good(struct fuzz_lane *lane, const char *name)
{
	return !fuzz_mapping(lane, name) && fuzz_number(lane, name) == PLACE_GOOD;
}

void *fuzz_array(enum fuzz_place place)
{
	return place_at(place, array, ARRAY_SIZE, sizeof(uint64_t));
}
