/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the kernel lets us trace, and where. */
#ifndef RECORD_PLACE_H
#define RECORD_PLACE_H

/* Returns an enum status; if nobody can record here, says why, and what to do about it. */
int place_find(void);

#endif
