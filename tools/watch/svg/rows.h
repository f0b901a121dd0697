/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SVG_ROWS_H
#define SVG_ROWS_H

#include "watch/svg/geometry.h"

/* The rows of a panel with their labels. */
void rows_draw(const struct panel *panel);

#endif
