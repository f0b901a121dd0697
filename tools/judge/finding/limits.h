/* SPDX-License-Identifier: GPL-2.0-only */
/* How long things may take: what is slower breaks a clause. */
#ifndef JUDGE_LIMITS_H
#define JUDGE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"

enum limit {
	LIMIT_IMPORT,		/* from its start until the program has mapped the buffer */
	LIMIT_CALLBACK,		/* I2: telling all importers */
	LIMIT_FENCE,		/* I8: from being told until the last fence has signalled */
	LIMIT_UNMAP,		/* I4: from being told, and the last fence, until the last unmap */
	LIMIT_ANSWER,		/* I17: from a word to the program until its answer */
	LIMIT_END,		/* from the control socket's end until the program has exited */
	LIMIT_COMMAND,		/* a command of the user, or an exporter's act */
	LIMITS,
};

struct limits {
	uint64_t ns[LIMITS];
	bool given[LIMITS];	/* by --limit, else by default */
	unsigned int scale;	/* of the defaults: 1 on a machine of iron */
};

/* Defaults, times what this machine is slower than one of iron; measured, takes some ms. */
void limits_default(struct limits *limits);
/*
 * "unmap=100ms,fence=2s" in place of the defaults. Returns an enum status; says what is wrong.
 */
int limits_parse(const struct verb *verb, struct limits *limits, const char *text);
const char *limit_name(enum limit limit);
/* "the limit of 1.0 s (unmap, default, 10 times since this machine is slow)" */
const char *limit_text(const struct limits *limits, enum limit limit, char text[128]);

#endif
