/* SPDX-License-Identifier: GPL-2.0-only */
/* Which buffers are to be shown. */
#ifndef RECORD_CHOSEN_H
#define RECORD_CHOSEN_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"

/* What a user may say; all of it has to fit. */
struct choosing {
	int fd, pid;			/* -1: not given */
	const char *id;			/* of a buffer of ours, or NULL */
	const char *exporter;		/* name, or NULL */
};

struct chosen {
	bool by_inode;
	uint64_t *inodes;
	uint64_t count;
	const char *exporter;
};

/* What they are at the moment. Returns an enum status; says what went wrong. */
int chosen_find(const struct verb *verb, const struct choosing *choosing,
		struct chosen *chosen);
bool chosen_has(const struct chosen *chosen, uint64_t inode, const char *exporter);
void chosen_free(struct chosen *chosen);

#endif
