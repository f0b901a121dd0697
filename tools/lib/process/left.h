/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process has made outside of itself, and could not remove when it was killed. */
#ifndef LEFT_H
#define LEFT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A name for it: @prefix, our number, and that of our namespace of pids, since these are numbered
 * anew in a container, and what is made is not. Returns as snprintf().
 */
int left_name(char *name, size_t size, const char *prefix);
/* Whether @name is one of a process that is no more. Of other namespaces nobody here can tell. */
bool is_left(const char *name, const char *prefix);

#endif
