/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a program stands that does not go on: in a call, which may be of the driver, or not. */
#ifndef JUDGE_IMPORTER_WHERE_H
#define JUDGE_IMPORTER_WHERE_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether a thread of that process group stays in the kernel, and does not wait for its own things.
 * It is looked at for a while.
 */
bool where_is_busy(pid_t group);

#endif
