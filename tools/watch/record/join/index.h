/* SPDX-License-Identifier: GPL-2.0-only */
/* From a number, such as a pointer of the kernel's, to what it stands for at the moment. */
#ifndef RECORD_INDEX_H
#define RECORD_INDEX_H

#include <stdint.h>

struct index {
	void *root;
};

void *index_find(const struct index *index, uint64_t key);
/* In place of what was there. Returns 0 or -ENOMEM. */
int index_put(struct index *index, uint64_t key, void *value);
/* Any one is taken out; NULL: there is none. */
void *index_take(struct index *index);
void index_remove(struct index *index, uint64_t key);
/* What it leads to is passed to @end, unless NULL. */
void index_free(struct index *index, void (*end)(void *value));

#endif
