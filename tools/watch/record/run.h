/* SPDX-License-Identifier: GPL-2.0-only */
/* Recording what happens to dma-bufs, from the kernel's trace. */
#ifndef RECORD_RUN_H
#define RECORD_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "watch/list.h"
#include "watch/record/chosen.h"

#define RECORD_RING	(2ULL << 20)

struct record_options {
	const struct verb *verb;	/* for messages about usage */
	char **program;			/* ends with NULL; or NULL: until a signal */
	bool quiet;			/* its standard output is not to mix with ours */
	uint64_t ring;			/* bytes of each CPU, for what is not yet read */
	const char *offsets;		/* a file with those of fields, or NULL: by BTF */
	bool own;			/* only what our modules say */
	struct choosing choosing;
};

/*
 * Appends to @out, in order of time. Returns an enum status, after a message; that of the
 * recording, not of the program.
 */
int record_run(const struct record_options *options, struct watch_list *out);

#endif
