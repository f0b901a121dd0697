/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the kernel lets us trace, and where. */
#ifndef RECORD_PLACE_H
#define RECORD_PLACE_H

#include <stdbool.h>

/* Returns an enum status; if nobody can record here, says why, and what to do about it. */
int place_find(void);
/* The same of probes, there. */
int place_probes(void);
/* Whether the kernel was built with them. */
bool place_has_probes(void);

#endif
