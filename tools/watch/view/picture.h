/* SPDX-License-Identifier: GPL-2.0-only */
/* The timeline in a terminal. */
#ifndef VIEW_PICTURE_H
#define VIEW_PICTURE_H

#include "watch/summary/facts.h"
#include "watch/view/choice.h"

/* @lost is said first, if it is not "". Returns an enum status. */
int picture_print(const struct timeline *timeline, const struct facts *facts,
		  const struct choice_of *choice, const char *lost);

#endif
