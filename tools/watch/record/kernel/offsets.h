/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the running kernel has the fields that the recorder reads: by its BTF, or by a
 * file that dmabuf-revoke-offsets has made of its headers.
 */
#ifndef RECORD_OFFSETS_H
#define RECORD_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>

/* At most so many are known. */
#define OFFSETS_MOST	32

struct offsets {
	unsigned int values[OFFSETS_MOST];	/* bytes, in the order of the rows in offsets.c */
};

struct types;

/* Each returns an enum status; says what is missing, and what to do about it. */
int offsets_of_types(struct offsets *offsets, const struct types *types);
int offsets_of_file(struct offsets *offsets, const char *path);

/*
 * @text with each "{STRUCTURE.FIELD}" replaced by its offset, and "{A.B+C.D}" by a sum. Returns
 * false if it does not fit, or names no row.
 */
bool offsets_expand(const struct offsets *offsets, const char *text, char *to, size_t size);

#endif
