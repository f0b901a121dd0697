/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process has made outside of itself, and could not remove when it was killed. */
#ifndef LEFT_H
#define LEFT_H

#include <stdbool.h>

/* Whether @name is @prefix and the number of a process that is no more. */
bool is_left(const char *name, const char *prefix);

#endif
