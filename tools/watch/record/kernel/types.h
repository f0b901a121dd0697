/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's BTF: offsets of fields, and functions by their type. */
#ifndef RECORD_TYPES_H
#define RECORD_TYPES_H

#include <stdbool.h>

struct types;

/* NULL: it has none that can be read; errno says why. */
struct types *types_open(void);
/* Whether types_open() may succeed. */
bool types_there(void);
void types_free(struct types *types);

/* In bytes; -1 if there is no such field. */
long types_offset(const struct types *types, const char *structure, const char *field);

/* Of an enumeration; -1 if there is none of that name. */
long types_constant(const struct types *types, const char *enumeration, const char *name);

/* What a function is of, by its type. */
enum signature {
	SIGNATURE_TOLD,		/* void (attachment): a callback, or unpin */
	SIGNATURE_PIN,		/* int (attachment) */
	SIGNATURE_MAP,		/* struct sg_table *(attachment, direction) */
	SIGNATURE_UNMAP,	/* void (attachment, struct sg_table *, direction) */
};

/* @module: "" of the kernel itself. */
typedef void (*types_found)(void *context, enum signature signature, const char *module,
			    const char *function);

/* All functions of those types, of the kernel and of the modules that are loaded. */
void types_walk(const struct types *types, types_found found, void *context);

#endif
