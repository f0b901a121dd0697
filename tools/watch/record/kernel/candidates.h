/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that may be an importer's callback, or an exporter's op: known before anybody
 * attaches. Whether one is, its probe tells, by what the attachment points to.
 */
#ifndef RECORD_CANDIDATES_H
#define RECORD_CANDIDATES_H

#include <stddef.h>

#include "watch/record/kernel/types.h"

struct candidate {
	enum signature signature;
	char module[56];		/* "": of the kernel itself */
	char function[64];
};

struct candidates {
	struct candidate *rows;
	size_t count;
	size_t room;
};

/*
 * All that @types has, if not NULL, and the well-known ones of modules that it has nothing of.
 * Returns 0 or -ENOMEM.
 */
int candidates_find(struct candidates *candidates, const struct types *types);
void candidates_free(struct candidates *candidates);

#endif
