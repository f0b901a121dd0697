/* SPDX-License-Identifier: GPL-2.0-only */
/* A control group (cgroup2) for a program that is to run out of memory. */
#ifndef JUDGE_CGROUP_H
#define JUDGE_CGROUP_H

#include <stdbool.h>

#define CGROUP_PATH	320

/* Where they are. False: nowhere. */
bool cgroup_root(char root[CGROUP_PATH]);
/* One of this process, below @root: its @folder. Returns 0 or a negative errno. */
int cgroup_make(const char *root, char folder[CGROUP_PATH]);
/* How much memory it may have, in bytes, or "max". False: nothing counts its memory. */
bool cgroup_limit(const char *folder, const char *bytes);
/* It has what it has, and gets no more. */
bool cgroup_fill(const char *folder);
/* Those in it have been ended. */
void cgroup_remove(const char *folder);
/* Those of processes of our namespace that were killed. What was in them has died with them. */
void cgroup_clean_up(void);

#endif
