/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The second part of the demo: revokes under DMA on behalf of a PCI function, the last one
 * of a device that goes on all the same.
 */
#ifndef DEMO_FUNCTION_PLAY_H
#define DEMO_FUNCTION_PLAY_H

#include "demo/observed.h"

/*
 * Looks for @function->name, and chooses an engine. Returns an enum status; says what is
 * wrong, and what to do. Without a name there is nothing to look for.
 */
int function_find(struct demo_function *function, int importer);
/* Fills in the rest. Returns an enum status; on failure it has said what failed. */
int function_play(struct demo *demo, int exporter, int importer);

#endif
