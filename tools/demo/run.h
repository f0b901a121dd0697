/* SPDX-License-Identifier: GPL-2.0-only */
/* The demo itself. */
#ifndef DEMO_RUN_H
#define DEMO_RUN_H

#include "demo/observed.h"

/* Fills in @demo. Returns an enum status; on failure it has said what failed. */
int demo_run(struct demo *demo);

#endif
