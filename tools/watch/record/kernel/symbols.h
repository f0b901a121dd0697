/* SPDX-License-Identifier: GPL-2.0-only */
/* The names of functions, by their addresses. */
#ifndef RECORD_SYMBOLS_H
#define RECORD_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include "watch/event.h"

struct symbol {
	uint64_t address;
	char name[WATCH_NAME_LEN];	/* "": not known yet */
};

/* Names those that the kernel tells us the names of. */
void symbols_name(struct symbol *symbols, size_t count);

#endif
