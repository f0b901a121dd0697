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

static void *place_readonly(const void *content, size_t size)
{
	if (mprotect(readonly, FUZZ_PAGE, PROT_READ | PROT_WRITE))
		abort();
	memcpy(readonly, content, size);
	if (mprotect(readonly, FUZZ_PAGE, PROT_READ))
		abort();
	return readonly;
}

static void *place_at(enum fuzz_place place, const void *content, size_t size)
{
	char *edge = last + FUZZ_PAGE - size / 2;

	switch (place) {
	case PLACE_GOOD:
		memset(good, 0, STRUCT_SIZE);
		return memcpy(good, content, size);
	case PLACE_READONLY:
		return place_readonly(content, size);
	case PLACE_EDGE:
		return memcpy(edge, content, size / 2) - (size < 2);
	case PLACE_UNMAPPED:
		return good + STRUCT_SIZE;
	case PLACE_KERNEL:
		return (void *)KERNEL_ADDRESS;
	default:
		return NULL;
	}
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

	if (mapping)
		return place_in(mapping, content, size);
	return place_at(fuzz_number(lane, name), content, size);
}

bool fuzz_is_good(struct fuzz_lane *lane, const char *name)
{
	return !fuzz_mapping(lane, name) && fuzz_number(lane, name) == PLACE_GOOD;
}

void *fuzz_array(enum fuzz_place place)
{
	switch (place) {
	case PLACE_GOOD:
		return array;
	case PLACE_READONLY:
		return readonly;
	case PLACE_EDGE:
		return last + FUZZ_PAGE - sizeof(uint64_t) / 2;
	case PLACE_UNMAPPED:
		return array + ARRAY_SIZE;
	case PLACE_KERNEL:
		return (void *)KERNEL_ADDRESS;
	default:
		return NULL;
	}
}
