/* SPDX-License-Identifier: GPL-2.0-only */
/* The last step in the making of a timeline. */
#ifndef TIMELINE_ORDER_H
#define TIMELINE_ORDER_H

#include "watch/timeline/model.h"

/* Sort rows and marks, give the marks lanes, find the buffers. Returns 0 or -ENOMEM. */
int timeline_order(struct timeline *timeline);

#endif
